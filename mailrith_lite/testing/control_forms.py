"""What the control routes take and answer. The names of these Structs are the schemas of /sandbox/openapi.json."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mailrith_lite import clock
from mailrith_lite.access import scopes
from mailrith_lite.testing.recorder import RecordedRequest, When, mask_key

MAX_WAIT = 60.0  # seconds

Operation = Annotated[str, Meta(description="The id of an operation in the contract; without it, any operation")]
Times = Annotated[int, Meta(ge=1, le=1_000_000, description="For how many requests")]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Takes no fields."""


class NewWorkspace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str | None = None


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`expires_in`: seconds."""

    scopes: tuple[str, ...] = scopes.ALL
    expires_in: Annotated[float, Meta(gt=0)] | None = None


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A workspace and its key."""

    workspace_id: str
    api_key: str


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`chunk_rows`: the most rows of a chunk."""

    chunk_rows: Annotated[int, Meta(ge=1)] | None = None


class CompleteAfter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    polls: Annotated[int, Meta(ge=1)]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A job and its status after the step."""

    job_id: str
    status: str


class FailNext(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`code`: else the usual one of the status. `body`: JSON instead of the envelope."""

    operation_id: Operation | None = None
    status: Annotated[int, Meta(ge=400, le=599)] = 500
    code: str | None = None
    times: Times = 1
    headers: dict[str, str | int] = {}
    body: Any = None


class AnswerNext(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without a Content-Type, `body` is HTML. `half`: the connection breaks after half of the body."""

    operation_id: Operation | None = None
    status: Annotated[int, Meta(ge=200, le=599)] = 200
    body: str
    headers: dict[str, str | int] = {}
    half: bool = False
    times: Times = 1


class RefuseConnections(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seconds: Annotated[float, Meta(gt=0, le=600)] = 1.0


class DelayNext(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operation_id: Operation | None = None
    seconds: float
    times: Times = 1


class DropNext(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operation_id: Operation | None = None
    when: When = "before"
    times: Times = 1


class ThrottleNext(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`retry_after`: seconds."""

    operation_id: Operation | None = None
    retry_after: Annotated[int, Meta(ge=0)] = 1
    times: Times = 1


class Advance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    days: float = 0
    hours: float = 0
    minutes: float = 0
    seconds: float = 0


class Time(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 3339."""

    now: str


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A request and its answer. `status` is null when the connection was dropped, or before the answer."""

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

    @classmethod
    def of(cls, request: RecordedRequest) -> "Sent":
        return cls(
            number=request.number,
            operation_id=request.operation_id,
            method=request.method,
            path=request.path,
            query=request.query,
            headers=mask_key(request.headers),
            body=request.body.decode(errors="replace"),
            status=request.status,
            answer=request.answer.decode(errors="replace"),
            dropped=request.dropped,
            received_at=clock.rfc3339(request.moment),
        )


class WaitFor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`timeout`: seconds, at most 60."""

    operation_id: Operation | None = None
    count: Times = 1
    timeout: Annotated[float, Meta(ge=0, le=MAX_WAIT)] = 5.0


class WaitForEvents(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`type`: such as subscriber.created; without it, any. `timeout`: seconds, at most 60."""

    type: str | None = None
    count: Annotated[int, Meta(ge=1, le=1_000)] = 1
    timeout: Annotated[float, Meta(ge=0, le=MAX_WAIT)] = 5.0


class FailNextWebhooks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`times`: for how many attempts."""

    status: Annotated[int, Meta(ge=300, le=599)] = 503
    times: Annotated[int, Meta(ge=1, le=10_000)] = 1
