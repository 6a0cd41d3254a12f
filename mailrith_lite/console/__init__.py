"""The console: pages for a person, with the work done by the same rooms as for the API."""
