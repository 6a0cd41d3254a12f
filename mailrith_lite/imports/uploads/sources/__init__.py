"""The tools whose files are known. A new tool is an entry in a table of this wing, and a sample in the tests."""
