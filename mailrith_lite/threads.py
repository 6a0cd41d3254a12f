"""Pools of threads that run from the start."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier


def start_pool(count: int, name: str) -> ThreadPoolExecutor:
    """A pool whose threads run already: a test that replaces `threading.Thread` later does not stop their work."""
    pool = ThreadPoolExecutor(count, name)
    all_started = Barrier(count)
    for _ in range(count):
        pool.submit(all_started.wait)
    return pool
