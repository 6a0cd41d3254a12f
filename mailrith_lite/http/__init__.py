"""What everything that speaks HTTP shares: the services of the process, statuses of errors, addresses."""
