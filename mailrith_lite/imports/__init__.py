"""Imports subscribers from CSV files: source file, records, rows, chunks, and a report of the refused rows."""
