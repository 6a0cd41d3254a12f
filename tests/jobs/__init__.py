"""Jobs: kinds, queue and runner."""
