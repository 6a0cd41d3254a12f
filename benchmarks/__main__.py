"""`python -m benchmarks [NAME]…`: speed, latency, memory, start, lists, uploads, sandbox; all by default."""

import sys
from importlib import import_module

NAMES = ("speed", "latency", "memory", "start", "lists", "uploads", "sandbox")

for name in sys.argv[1:] or NAMES:
    import_module(f"benchmarks.{name}").measure()
