"""The console: pages for a person. They use the same rooms as the API and add no rules of their own."""
