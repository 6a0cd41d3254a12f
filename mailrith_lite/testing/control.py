"""What can be done over HTTP under /sandbox: each control with its form, its answer, and who does it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mailrith_lite import clock, ids
from mailrith_lite.access import scopes
from mailrith_lite.testing import faults
from mailrith_lite.testing.client_report import Finding, report
from mailrith_lite.testing.inspector import KeyReport, inspect
from mailrith_lite.testing.recorder import Recorded, When, masked
from mailrith_lite.testing.sandbox import Sandbox
from mailrith_lite.testing.seed import Seed, Seeded

MAX_WAIT = 60.0

Operation = Annotated[str, Meta(description="The id of an operation in the contract; without it, any")]
Times = Annotated[int, Meta(ge=1, le=1_000_000, description="For how many requests")]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Takes nothing."""


class NewWorkspace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str | None = None


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`expires_in`: seconds."""

    scopes: tuple[str, ...] = scopes.ALL
    expires_in: Annotated[float, Meta(gt=0)] | None = None


class Access(msgspec.Struct, frozen=True, kw_only=True):
    workspace_id: str
    api_key: str


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    chunk_rows: Annotated[int, Meta(ge=1)] | None = None


class CompleteAfter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    polls: Annotated[int, Meta(ge=1)]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    job_id: str
    status: str


class FailNext(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operation_id: Operation | None = None
    status: Annotated[int, Meta(ge=400, le=599)] = 500
    code: str | None = None
    times: Times = 1
    headers: dict[str, str | int] = {}
    body: Any = None


class DelayNext(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operation_id: Operation | None = None
    seconds: float
    times: Times = 1


class DropNext(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operation_id: Operation | None = None
    when: When = "before"
    times: Times = 1


class ThrottleNext(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operation_id: Operation | None = None
    retry_after: Annotated[int, Meta(ge=0)] = 1
    times: Times = 1


class Advance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    days: float = 0
    hours: float = 0
    minutes: float = 0
    seconds: float = 0


class Time(msgspec.Struct, frozen=True, kw_only=True):
    now: str


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `status` is null when the connection was dropped, or there is no answer yet."""

    number: int
    operation_id: str | None
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: str
    status: int | None
    answer: str
    dropped: When | None
    received_at: str


class WaitFor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`timeout`: seconds, at most 60."""

    operation_id: Operation | None = None
    count: Times = 1
    timeout: Annotated[float, Meta(ge=0, le=MAX_WAIT)] = 5.0


class Control(msgspec.Struct, frozen=True):
    """One control route. `act` gets the sandbox, the workspace's integer id and the form."""

    method: str
    path: str
    operation_id: str
    act: Callable[[Sandbox, int, Any], Awaitable[Any]]
    form: type[msgspec.Struct] = Nothing
    answer: Any = None


async def reset(sandbox: Sandbox, workspace_id: int, form: Nothing) -> None:
    """Empty the workspace; its keys stay. Ends its jobs, forgets faults and requests, sets the clock back."""
    await sandbox.reset(workspace_id)


async def new_workspace(sandbox: Sandbox, workspace_id: int, form: NewWorkspace) -> Access:
    """Make another workspace with a key of its own."""
    access = await sandbox.new_workspace(form.name)
    return Access(workspace_id=ids.encode(ids.WORKSPACE, access.workspace_id), api_key=access.api_key)


async def new_key(sandbox: Sandbox, workspace_id: int, form: NewKey) -> Access:
    """Make another key to the workspace."""
    key = await sandbox.new_key(workspace_id, form.scopes, form.expires_in)
    return Access(workspace_id=ids.encode(ids.WORKSPACE, workspace_id), api_key=key)


async def seed(sandbox: Sandbox, workspace_id: int, form: Seed) -> Seeded:
    """Put subscribers, tags, custom fields and sequences into the workspace: all of it, or nothing."""
    return await sandbox.seed(workspace_id, form)


async def hold(sandbox: Sandbox, workspace_id: int, form: Hold) -> None:
    """Keep jobs where they are: Queued, or between two chunks."""
    sandbox.instruments.gate.hold(workspace_id, form.chunk_rows)


async def release(sandbox: Sandbox, workspace_id: int, form: Nothing) -> None:
    """Let jobs move as they can."""
    sandbox.instruments.gate.release(workspace_id)


async def step(sandbox: Sandbox, workspace_id: int, form: Nothing) -> Step:
    """The oldest unfinished job takes one step: it starts, does a chunk, or ends. Jobs have to be held."""
    job = await sandbox.instruments.gate.advance(workspace_id)
    return Step(job_id=job.public_id, status=job.status)


async def drain(sandbox: Sandbox, workspace_id: int, form: Nothing) -> None:
    """Wait until every job is final."""
    await sandbox.instruments.gate.drain(workspace_id)


async def complete_after(sandbox: Sandbox, workspace_id: int, form: CompleteAfter) -> None:
    """A job is Queued at the first look, Processing at the next, and final at look number `polls`."""
    sandbox.instruments.gate.complete_after(workspace_id, form.polls)


async def fail_next(sandbox: Sandbox, workspace_id: int, form: FailNext) -> None:
    """The next requests get this error, and nothing is done for them."""
    fault = faults.fail(form.operation_id, form.status, form.code, form.times, form.headers, form.body)
    sandbox.instruments.faults(workspace_id).add(fault)


async def delay_next(sandbox: Sandbox, workspace_id: int, form: DelayNext) -> None:
    """The next requests wait that long before anything is done for them."""
    sandbox.instruments.faults(workspace_id).add(faults.delay(form.operation_id, form.seconds, form.times))


async def drop_next(sandbox: Sandbox, workspace_id: int, form: DropNext) -> None:
    """The next requests get no answer: the connection breaks before the work, or after it was done and saved."""
    sandbox.instruments.faults(workspace_id).add(faults.drop(form.operation_id, form.when, form.times))


async def throttle_next(sandbox: Sandbox, workspace_id: int, form: ThrottleNext) -> None:
    """The next requests get 429 with Retry-After, in seconds."""
    sandbox.instruments.faults(workspace_id).add(faults.throttle(form.operation_id, form.retry_after, form.times))


async def look_at_clock(sandbox: Sandbox, workspace_id: int, form: Nothing) -> Time:
    """What time it is for the service."""
    return Time(now=clock.rfc3339(sandbox.instruments.clock.now()))


async def advance(sandbox: Sandbox, workspace_id: int, form: Advance) -> Time:
    """Move the clock of the whole service forward: links, keys and idempotency records end by it."""
    return Time(now=clock.rfc3339(sandbox.instruments.clock.advance(**msgspec.structs.asdict(form))))


async def reset_clock(sandbox: Sandbox, workspace_id: int, form: Nothing) -> Time:
    """Set the clock back to where it stood at first."""
    sandbox.instruments.clock.reset()
    return Time(now=clock.rfc3339(sandbox.instruments.clock.now()))


async def requests(sandbox: Sandbox, workspace_id: int, form: Nothing) -> list[Sent]:
    """What was sent to the workspace, in order, without the keys."""
    return [_sent(one) for one in sandbox.requests_of(workspace_id)]


async def clear_requests(sandbox: Sandbox, workspace_id: int, form: Nothing) -> None:
    """Forget what was sent so far."""
    sandbox.requests_of(workspace_id).clear()


async def wait_for(sandbox: Sandbox, workspace_id: int, form: WaitFor) -> list[Sent]:
    """The first `count` answered requests to an operation, or to any; waits until they are there."""
    found = sandbox.requests_of(workspace_id)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(form.timeout):
            while len(found.answered(form.operation_id)) < form.count:
                await sandbox.instruments.recorder.next_end()
    try:
        return [_sent(one) for one in found.wait_for(form.operation_id, count=form.count, timeout=0)]
    except TimeoutError as error:
        raise ValueError(str(error)) from None


async def idempotency(sandbox: Sandbox, workspace_id: int, form: Nothing) -> list[KeyReport]:
    """Every Idempotency-Key: how often it was replayed, and where a refused reuse differs."""
    return inspect(sandbox.requests_of(workspace_id))


async def conduct(sandbox: Sandbox, workspace_id: int, form: Nothing) -> list[Finding]:
    """What the client did well and badly."""
    return report(sandbox.requests_of(workspace_id)).findings


CONTROLS = (
    Control("POST", "/sandbox/reset", "reset", reset),
    Control("POST", "/sandbox/workspaces", "createWorkspace", new_workspace, NewWorkspace, Access),
    Control("POST", "/sandbox/keys", "createKey", new_key, NewKey, Access),
    Control("POST", "/sandbox/seed", "seed", seed, Seed, Seeded),
    Control("POST", "/sandbox/jobs/hold", "holdJobs", hold, Hold),
    Control("POST", "/sandbox/jobs/release", "releaseJobs", release),
    Control("POST", "/sandbox/jobs/step", "stepJobs", step, Nothing, Step),
    Control("POST", "/sandbox/jobs/drain", "drainJobs", drain),
    Control("POST", "/sandbox/jobs/complete-after", "completeJobsAfter", complete_after, CompleteAfter),
    Control("POST", "/sandbox/fail-next", "failNext", fail_next, FailNext),
    Control("POST", "/sandbox/delay-next", "delayNext", delay_next, DelayNext),
    Control("POST", "/sandbox/drop-next", "dropNext", drop_next, DropNext),
    Control("POST", "/sandbox/throttle-next", "throttleNext", throttle_next, ThrottleNext),
    Control("GET", "/sandbox/clock", "getClock", look_at_clock, Nothing, Time),
    Control("POST", "/sandbox/clock/advance", "advanceClock", advance, Advance, Time),
    Control("POST", "/sandbox/clock/reset", "resetClock", reset_clock, Nothing, Time),
    Control("GET", "/sandbox/requests", "listRequests", requests, Nothing, list[Sent]),
    Control("POST", "/sandbox/requests/wait-for", "waitForRequests", wait_for, WaitFor, list[Sent]),
    Control("POST", "/sandbox/requests/clear", "clearRequests", clear_requests),
    Control("GET", "/sandbox/idempotency", "listIdempotencyKeys", idempotency, Nothing, list[KeyReport]),
    Control("GET", "/sandbox/report", "getReport", conduct, Nothing, list[Finding]),
)


def _sent(one: Recorded) -> Sent:
    return Sent(
        number=one.number,
        operation_id=one.operation_id,
        method=one.method,
        path=one.path,
        query=one.query,
        headers=masked(one.headers),
        body=one.body.decode(errors="replace"),
        status=one.status,
        answer=one.answer.decode(errors="replace"),
        dropped=one.dropped,
        received_at=clock.rfc3339(one.moment),
    )
