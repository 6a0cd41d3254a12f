"""The last requests of each workspace, in memory: what an integration sent, and how it was answered.

No text of a client that can be an address, a cell or a key is in it.
"""

import re
from collections import OrderedDict, deque
from typing import Final

import msgspec

from mailrith_lite import errors
from mailrith_lite.access.keys import PREFIX

SIZE: Final = 200
"""Requests of a workspace; older ones are dropped."""
MAX_WORKSPACES: Final = 250
"""Those that have sent a request last; at most 30 MB in all."""
MAX_MESSAGE: Final = 300

_PLAIN_FIELD = re.compile(r"[A-Za-z]\w{0,49}(?:\[\d{1,6}\]|\.[A-Za-z]\w{0,49}){0,8}", re.ASCII)
_PLAIN_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
_MARKS_OF_ADDRESSES = frozenset("@\uff20\ufe6b%")


class LoggedRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`number`: counts all requests of the process. `code`, `field` and `message` are "" without an error.

    `request_id`: "" if the client's own could contain an address or a key.
    """

    number: int
    occurred_at: int
    milliseconds: int
    operation_id: str
    status: int
    code: str
    field: str
    message: str
    key_id: int
    request_id: str


class RequestLog:
    """One instance per process."""

    def __init__(self) -> None:
        self._requests: OrderedDict[int, deque[LoggedRequest]] = OrderedDict()
        self._number = 0

    def note(
        self,
        workspace_id: int,
        *,
        occurred_at: int,
        milliseconds: int,
        operation_id: str,
        status: int,
        error: errors.MailrithError | None,
        key_id: int,
        request_id: str,
    ) -> None:
        self._number += 1
        requests = self._requests.get(workspace_id)
        if requests is None:
            requests = self._requests[workspace_id] = deque(maxlen=SIZE)
            if len(self._requests) > MAX_WORKSPACES:
                self._requests.popitem(last=False)
        else:
            self._requests.move_to_end(workspace_id)
        requests.append(
            LoggedRequest(
                number=self._number,
                occurred_at=occurred_at,
                milliseconds=milliseconds,
                operation_id=operation_id,
                status=status,
                code=error.error_code if error else "",
                field=_field(error) if error else "",
                message=_message(error) if error else "",
                key_id=key_id,
                request_id=request_id if _is_plain(_PLAIN_ID, request_id) else "",
            )
        )

    def newest(self, workspace_id: int) -> list[LoggedRequest]:
        """The requests of the workspace, newest first."""
        return list(reversed(self._requests.get(workspace_id, ())))

    def last_number(self, workspace_id: int) -> int:
        """Changes with each request of the workspace."""
        requests = self._requests.get(workspace_id)
        return requests[-1].number if requests else 0


def _is_plain(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(text) is not None and PREFIX not in text


def _field(error: errors.MailrithError) -> str:
    name = error.details.get("field", "")
    return name if _is_plain(_PLAIN_FIELD, name) else ""


def _message(error: errors.MailrithError) -> str:
    """The sentence that the client got, with `…` for values of the client, and for a name that is not plain."""
    text, name = error.message, error.details.get("field", "")
    if name and not _is_plain(_PLAIN_FIELD, name):
        text = text.replace(name, "…")
    start, end = text.find('"'), text.rfind('"')  # the first and the last: a quoted value can contain quotes
    if start >= 0:
        text = f'{text[:start]}"…"{text[end + 1 :]}'
    if not _MARKS_OF_ADDRESSES.isdisjoint(text):
        text = " ".join(word if _MARKS_OF_ADDRESSES.isdisjoint(word) else "…" for word in text.split(" "))
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
