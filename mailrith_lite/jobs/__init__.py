"""The durable runner: kinds, queue, states, checkpoints, recovery and cancel. It knows nothing about CSV."""
