"""`python -m benchmarks [speed] [latency] [memory] [start] [lists] [uploads]`: all of them by default."""

import sys
from importlib import import_module

NAMES = ("speed", "latency", "memory", "start", "lists", "uploads")

for name in sys.argv[1:] or NAMES:
    import_module(f"benchmarks.{name}").measure()
