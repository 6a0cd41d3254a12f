"""What the process counts and measures, for `/metrics`. No label has an id, an address or a text of a client.

The values begin at zero with the process, and are those of all services in it.
"""

import functools
import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from mailrith_lite import __version__

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
_MOMENTS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter(
    "mailrith_lite_requests",
    "Requests by operation and status; 499: the client closed the connection.",
    ["operation", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "mailrith_lite_request_seconds",
    "Time from the head of a request to the end of its answer.",
    ["operation"],
    buckets=(*_MOMENTS, 30.0, 120.0),
    registry=REGISTRY,
)
SIGN_IN_FAILURES = Counter(
    "mailrith_lite_sign_in_failures", "Wrong API keys, sent to the api or the console.", ["door"], registry=REGISTRY
)
LIMITED_REQUESTS = Counter(
    "mailrith_lite_limited_requests", "Requests that were refused with 429, by limit.", ["limit"], registry=REGISTRY
)
JOBS_ENDED = Counter(
    "mailrith_lite_jobs_ended",
    "Jobs that ended, by kind and outcome: completed, failed, canceled.",
    ["kind", "outcome"],
    registry=REGISTRY,
)
ROWS = Counter(
    "mailrith_lite_rows",
    "Rows of imports by their fate: created, updated, unchanged, rejected.",
    ["fate"],
    registry=REGISTRY,
)
CHUNK_SECONDS = Histogram(
    "mailrith_lite_chunk_seconds",
    "Time to plan and commit a chunk of an import.",
    buckets=_MOMENTS,
    registry=REGISTRY,
)
WRITER_WAIT_SECONDS = Histogram(
    "mailrith_lite_writer_wait_seconds",
    "Time for which a transaction waited for its turn to write.",
    buckets=_MOMENTS,
    registry=REGISTRY,
)
WEBHOOK_ATTEMPTS = Counter(
    "mailrith_lite_webhook_attempts", "Attempts to deliver an event, by outcome.", ["outcome"], registry=REGISTRY
)

JOBS_OPEN = Gauge(
    "mailrith_lite_jobs_open", "Jobs that are queued or processing.", ["kind", "status"], registry=REGISTRY
)
OLDEST_QUEUED_SECONDS = Gauge(
    "mailrith_lite_oldest_queued_seconds", "Age of the oldest queued job; 0 without one.", registry=REGISTRY
)
WEBHOOKS_WAITING = Gauge(
    "mailrith_lite_webhook_subscriptions_waiting", "Subscriptions with events to deliver.", registry=REGISTRY
)
WEBHOOK_DELAY_SECONDS = Gauge(
    "mailrith_lite_webhook_delay_seconds",
    "For how long the delivery that should be attempted next has been due; 0 without one.",
    registry=REGISTRY,
)
DATABASE_BYTES = Gauge("mailrith_lite_database_bytes", "Size of mailrith.db.", registry=REGISTRY)
WAL_BYTES = Gauge("mailrith_lite_wal_bytes", "Size of mailrith.db-wal.", registry=REGISTRY)
DISK_FREE_BYTES = Gauge(
    "mailrith_lite_disk_free_bytes", "Free space on the disk of the data directory.", registry=REGISTRY
)
Gauge(
    "mailrith_lite_build_info", "Versions; the value is always 1.", ["version", "python"], registry=REGISTRY
).labels(__version__, platform.python_version()).set(1)

_requests = functools.cache(REQUESTS.labels)  # to look for the labels takes longer than to count
_request_seconds = functools.cache(REQUEST_SECONDS.labels)


def note_request(operation: str, status: int, seconds: float) -> None:
    """Counts a request. `operation`: of the API, or the path of a route, so that there are few labels."""
    _requests(operation, status).inc()
    _request_seconds(operation).observe(seconds)
