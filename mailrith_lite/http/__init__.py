"""What the API and the console share of HTTP: services, errors and their statuses, addresses, uploads."""
