"""Pages for a person: one look, rendered on the server, without a request to any other host."""
