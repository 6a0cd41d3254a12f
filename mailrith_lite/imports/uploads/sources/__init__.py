"""The tools whose files are known. A new tool is an entry in a table of this package, and a sample in the tests."""
