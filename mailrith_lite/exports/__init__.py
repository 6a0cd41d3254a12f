"""Subscribers become a CSV file: selection, snapshot, file, signed link, expiry."""
