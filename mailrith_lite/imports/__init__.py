"""A CSV file becomes subscribers: source, dialect, records, rows, chunks, and a report of what was refused."""
