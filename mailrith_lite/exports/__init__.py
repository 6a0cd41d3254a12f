"""Exports: a selection of subscribers, read from one snapshot, becomes a CSV file that expires."""
