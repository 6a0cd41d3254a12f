"""The types of events, and the patterns that choose them."""

from collections.abc import Iterable
from typing import Final

from mailrith_lite.jobs.kinds import EXPORT, IMPORT, JobKind

EventType = str

CREATED: Final = "subscriber.created"
UPDATED: Final = "subscriber.updated"
STATUS_CHANGED: Final = "subscriber.status_changed"
TEST: Final = "webhook.test"
"""Sent on request alone; no pattern chooses it."""

CONTRACT_EVENTS: Final = (
    CREATED,
    UPDATED,
    STATUS_CHANGED,
    "form.submitted",
    "landing_page.submitted",
    "broadcast.state_changed",
    "automation.entered",
    "automation.step_executed",
    "automation.completed",
)
CONTRACT_PATTERNS: Final = (
    "*",
    "subscriber.*",
    "form.*",
    "landing_page.*",
    "broadcast.*",
    "automation.*",
    *CONTRACT_EVENTS,
)
"""The events of the other families do not occur here: this service sends no email and has no forms."""

_JOB_KINDS: Final = {f"subscriber_{kind.name}": kind for kind in (IMPORT, EXPORT)}
JOB_PATTERNS: Final = tuple(f"{family}.{event}" for family in _JOB_KINDS for event in ("*", "completed", "failed"))
"""Events that the contract does not have. `*` does not choose them: a receiver may know the contract's only."""
PATTERNS: Final = (*CONTRACT_PATTERNS, *JOB_PATTERNS)

SUBSCRIBER_SCOPES: Final = ("subscribers:read",)


def required_scopes(pattern: str) -> tuple[str, ...]:
    """What a key needs to choose the pattern. `*` needs nothing: it includes what the key may read."""
    family = pattern.partition(".")[0]
    if family == "subscriber":
        return SUBSCRIBER_SCOPES
    return _JOB_KINDS[family].read_scopes if family in _JOB_KINDS else ()


def job_event(kind: JobKind, *, completed: bool) -> EventType:
    return f"subscriber_{kind.name}.{'completed' if completed else 'failed'}"


def matches(patterns: Iterable[str], event_type: EventType, *, sees_subscribers: bool) -> bool:
    """`sees_subscribers`: whether `*` includes the events of subscribers."""
    family = event_type.partition(".")[0]
    chosen = set(patterns)
    if event_type in chosen or f"{family}.*" in chosen:
        return True
    return "*" in chosen and event_type in CONTRACT_EVENTS and (family != "subscriber" or sees_subscribers)
