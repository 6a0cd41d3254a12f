"""The service in a process of its own that tests kill with SIGKILL."""
