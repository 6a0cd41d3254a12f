"""The durable runner: a queue in SQLite, states, checkpoints, recovery, cancel and drain. It knows no CSV."""
