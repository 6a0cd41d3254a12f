"""The control routes of a sandbox on one page: what each does, takes and answers."""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints

import msgspec
from msgspec.structs import asdict

from mailrith_lite import clock, ids
from mailrith_lite.testing import faults
from mailrith_lite.testing.client_report import Finding, report_client
from mailrith_lite.testing.control_forms import (
    Access,
    Advance,
    AnswerNext,
    CompleteAfter,
    DelayNext,
    DropNext,
    FailNext,
    FailNextWebhooks,
    Hold,
    NewKey,
    NewWorkspace,
    Nothing,
    RefuseConnections,
    Sent,
    Step,
    ThrottleNext,
    Time,
    WaitFor,
    WaitForEvents,
)
from mailrith_lite.testing.faults import Answer, Delay, Drop, Failure
from mailrith_lite.testing.key_report import KeyReport, report_keys
from mailrith_lite.testing.sandbox import Sandbox
from mailrith_lite.testing.seed import Seed, Seeded
from mailrith_lite.testing.webhook_box import SentEvent
from mailrith_lite.webhooks.events import Event


class Control(msgspec.Struct, frozen=True):
    """One control route. `act` takes the sandbox, the workspace's integer id and the form.

    The documentation has the first line of its docstring as summary, and its annotations as schemas.
    """

    method: str
    path: str
    operation_id: str
    act: Callable[[Sandbox, int, Any], Awaitable[object]]  # Any: each takes a form of its own

    @property
    def form(self) -> type[msgspec.Struct]:
        """The Struct of the request's body."""
        form: type[msgspec.Struct] = _annotations(self.act)["form"]
        return form

    @property
    def answer(self) -> Any:
        """The type of the answer's `data`; NoneType for an answer without a body."""
        return _annotations(self.act)["return"]


@functools.cache
def _annotations(act: Callable[..., object]) -> dict[str, Any]:
    return get_type_hints(act)


async def reset(sandbox: Sandbox, workspace_id: int, form: Nothing) -> None:
    """Empty the workspace; its keys stay. Ends its jobs, forgets faults and requests, resets the clock."""
    await sandbox.reset(workspace_id)


async def create_workspace(sandbox: Sandbox, workspace_id: int, form: NewWorkspace) -> Access:
    """Make another workspace with a key of its own."""
    access = await sandbox.new_workspace(form.name)
    return Access(workspace_id=ids.encode(ids.WORKSPACE, access.workspace_id), api_key=access.api_key)


async def create_key(sandbox: Sandbox, workspace_id: int, form: NewKey) -> Access:
    """Make another key for the workspace."""
    key = await sandbox.new_key(workspace_id, form.scopes, form.expires_in)
    return Access(workspace_id=ids.encode(ids.WORKSPACE, workspace_id), api_key=key)


async def seed(sandbox: Sandbox, workspace_id: int, form: Seed) -> Seeded:
    """Put subscribers, tags, custom fields and sequences into the workspace: all of it, or nothing."""
    return await sandbox.seed(workspace_id, form)


async def hold_jobs(sandbox: Sandbox, workspace_id: int, form: Hold) -> None:
    """Keep jobs where they are: Queued, or between two chunks."""
    sandbox.instruments.gate.hold(workspace_id, form.chunk_rows)


async def release_jobs(sandbox: Sandbox, workspace_id: int, form: Nothing) -> None:
    """Let jobs move on by themselves again."""
    sandbox.instruments.gate.release(workspace_id)


async def step_jobs(sandbox: Sandbox, workspace_id: int, form: Nothing) -> Step:
    """Let the oldest unfinished job take one step: it starts, does a chunk, or ends. Hold the jobs first."""
    job = await sandbox.instruments.gate.advance(workspace_id)
    return Step(job_id=job.public_id, status=job.status)


async def drain_jobs(sandbox: Sandbox, workspace_id: int, form: Nothing) -> None:
    """Wait until every job is final."""
    await sandbox.instruments.gate.drain(workspace_id)


async def complete_jobs_after(sandbox: Sandbox, workspace_id: int, form: CompleteAfter) -> None:
    """A job is Queued at the first look, Processing at the next ones, and final at look number `polls`."""
    sandbox.instruments.gate.complete_after(workspace_id, form.polls)


async def fail_next(sandbox: Sandbox, workspace_id: int, form: FailNext) -> None:
    """The next requests get this error, and no work is done."""
    sandbox.instruments.add_fault(workspace_id, Failure(**asdict(form)))


async def answer_next(sandbox: Sandbox, workspace_id: int, form: AnswerNext) -> None:
    """The next requests get exactly this answer, and no work is done."""
    sandbox.instruments.add_fault(workspace_id, Answer(**asdict(form) | {"body": form.body.encode()}))


async def refuse_connections(sandbox: Sandbox, workspace_id: int, form: RefuseConnections) -> None:
    """The whole sandbox, with its controls, refuses connections after this answer, for some seconds."""
    await sandbox.listener.refuse(form.seconds)


async def delay_next(sandbox: Sandbox, workspace_id: int, form: DelayNext) -> None:
    """The next requests wait this long before any work is done."""
    sandbox.instruments.add_fault(workspace_id, Delay(**asdict(form)))


async def drop_next(sandbox: Sandbox, workspace_id: int, form: DropNext) -> None:
    """The next requests get no answer: the connection breaks before the work, or after it is done and saved."""
    sandbox.instruments.add_fault(workspace_id, Drop(**asdict(form)))


async def throttle_next(sandbox: Sandbox, workspace_id: int, form: ThrottleNext) -> None:
    """The next requests get 429 with Retry-After, in seconds."""
    sandbox.instruments.add_fault(workspace_id, faults.throttle(**asdict(form)))


async def get_clock(sandbox: Sandbox, workspace_id: int, form: Nothing) -> Time:
    """The time of the service."""
    return Time(now=clock.rfc3339(sandbox.instruments.clock.now()))


async def advance_clock(sandbox: Sandbox, workspace_id: int, form: Advance) -> Time:
    """Move the clock of the whole service forward: links, keys and idempotency records expire by it."""
    return Time(now=clock.rfc3339(await sandbox.advance_clock(**asdict(form))))


async def reset_clock(sandbox: Sandbox, workspace_id: int, form: Nothing) -> Time:
    """Take back every advance of the clock."""
    sandbox.instruments.clock.reset()
    return Time(now=clock.rfc3339(sandbox.instruments.clock.now()))


async def list_events(sandbox: Sandbox, workspace_id: int, form: Nothing) -> list[Event]:
    """The events of the workspace, in their order, as a receiver gets them: at most the first 1,000."""
    return await sandbox.select_events(workspace_id, None)


async def wait_for_events(sandbox: Sandbox, workspace_id: int, form: WaitForEvents) -> list[Event]:
    """Wait for `count` events of a type, or of any, and return the first ones."""
    events = await sandbox.wait_for_events(workspace_id, form.type, form.count, form.timeout)
    if len(events) < form.count:
        raise TimeoutError(f"{len(events)} of {form.count} events came within {form.timeout:g} s")
    return events[: form.count]


async def list_deliveries(sandbox: Sandbox, workspace_id: int, form: Nothing) -> list[SentEvent]:
    """Each event for each subscription, in their order, with the result of the last attempt."""
    return await sandbox.select_sent_events(workspace_id)


async def hold_webhooks(sandbox: Sandbox, workspace_id: int, form: Nothing) -> None:
    """Send no event until the release. Events are kept meanwhile."""
    await sandbox.hold_webhooks(workspace_id)


async def release_webhooks(sandbox: Sandbox, workspace_id: int, form: Nothing) -> None:
    """Send what was held."""
    await sandbox.release_webhooks(workspace_id)


async def fail_next_webhooks(sandbox: Sandbox, workspace_id: int, form: FailNextWebhooks) -> None:
    """The next attempts fail as if the receiver answered this status; it gets no request."""
    await sandbox.fail_next_webhooks(workspace_id, form.status, form.times)


async def drain_webhooks(sandbox: Sandbox, workspace_id: int, form: Nothing) -> None:
    """Wait until no event is due: each was delivered, waits for its next attempt, or is held."""
    await sandbox.drain_webhooks()


async def list_requests(sandbox: Sandbox, workspace_id: int, form: Nothing) -> list[Sent]:
    """The requests to the workspace, in their order, without the keys."""
    return [Sent.of(request) for request in sandbox.requests_of(workspace_id)]


async def clear_requests(sandbox: Sandbox, workspace_id: int, form: Nothing) -> None:
    """Forget the requests so far."""
    sandbox.requests_of(workspace_id).clear()


async def wait_for_requests(sandbox: Sandbox, workspace_id: int, form: WaitFor) -> list[Sent]:
    """Wait for `count` answered requests to an operation, or to any, and return the first ones."""
    requests = sandbox.requests_of(workspace_id)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(form.timeout):
            while len(requests.answered(form.operation_id)) < form.count:
                await sandbox.instruments.recorder.wait_for_change()
    answered = requests.wait_for(form.operation_id, count=form.count, timeout=0)
    return [Sent.of(request) for request in answered]


async def list_idempotency_keys(sandbox: Sandbox, workspace_id: int, form: Nothing) -> list[KeyReport]:
    """Every Idempotency-Key: how many replays it had, and what differed in a refused request."""
    return report_keys(sandbox.requests_of(workspace_id))


async def get_report(sandbox: Sandbox, workspace_id: int, form: Nothing) -> list[Finding]:
    """What the client did well and badly."""
    return report_client(sandbox.requests_of(workspace_id)).findings


CONTROLS = (
    Control("POST", "/sandbox/reset", "reset", reset),
    Control("POST", "/sandbox/workspaces", "createWorkspace", create_workspace),
    Control("POST", "/sandbox/keys", "createKey", create_key),
    Control("POST", "/sandbox/seed", "seed", seed),
    Control("POST", "/sandbox/jobs/hold", "holdJobs", hold_jobs),
    Control("POST", "/sandbox/jobs/release", "releaseJobs", release_jobs),
    Control("POST", "/sandbox/jobs/step", "stepJobs", step_jobs),
    Control("POST", "/sandbox/jobs/drain", "drainJobs", drain_jobs),
    Control("POST", "/sandbox/jobs/complete-after", "completeJobsAfter", complete_jobs_after),
    Control("POST", "/sandbox/fail-next", "failNext", fail_next),
    Control("POST", "/sandbox/answer-next", "answerNext", answer_next),
    Control("POST", "/sandbox/refuse-connections", "refuseConnections", refuse_connections),
    Control("POST", "/sandbox/delay-next", "delayNext", delay_next),
    Control("POST", "/sandbox/drop-next", "dropNext", drop_next),
    Control("POST", "/sandbox/throttle-next", "throttleNext", throttle_next),
    Control("GET", "/sandbox/webhooks", "listEvents", list_events),
    Control("POST", "/sandbox/webhooks/wait-for", "waitForEvents", wait_for_events),
    Control("GET", "/sandbox/webhooks/deliveries", "listDeliveries", list_deliveries),
    Control("POST", "/sandbox/webhooks/hold", "holdWebhooks", hold_webhooks),
    Control("POST", "/sandbox/webhooks/release", "releaseWebhooks", release_webhooks),
    Control("POST", "/sandbox/webhooks/fail-next", "failNextWebhooks", fail_next_webhooks),
    Control("POST", "/sandbox/webhooks/drain", "drainWebhooks", drain_webhooks),
    Control("GET", "/sandbox/clock", "getClock", get_clock),
    Control("POST", "/sandbox/clock/advance", "advanceClock", advance_clock),
    Control("POST", "/sandbox/clock/reset", "resetClock", reset_clock),
    Control("GET", "/sandbox/requests", "listRequests", list_requests),
    Control("POST", "/sandbox/requests/wait-for", "waitForRequests", wait_for_requests),
    Control("POST", "/sandbox/requests/clear", "clearRequests", clear_requests),
    Control("GET", "/sandbox/idempotency", "listIdempotencyKeys", list_idempotency_keys),
    Control("GET", "/sandbox/report", "getReport", get_report),
)
