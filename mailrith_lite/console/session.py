"""A session: what the cookie of a browser says about one workspace. It names the key that opened it.

The cookie has one session for each workspace that the browser is signed in to. It does not contain a key.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

import msgspec
from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from mailrith_lite import clock
from mailrith_lite.access import key_table, keys
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.console import ended_sessions
from mailrith_lite.database import Reader

MAX_IDLE = 12 * 3_600 * clock.SECOND
MAX_LENGTH = 7 * clock.DAY
MAX_SESSIONS = 10
"""Of a browser. A browser takes 4,096 bytes in a cookie; ten sessions need half of it."""
_RENEWED_AFTER = 300 * clock.SECOND


class Session(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """`token`: random; the form tokens of the session are signatures of it.

    `fingerprint`: of the key.
    """

    token: str
    key_id: int
    fingerprint: str
    began_at: int
    expires_at: int


class Sessions:
    """Signs cookies and form tokens with the secret of the service."""

    def __init__(self, secret: bytes) -> None:
        self._cookies = Signer(secret, salt="mailrith_lite.console.session", digest_method=hashlib.sha256)
        self._forms = Signer(secret, salt="mailrith_lite.console.form", digest_method=hashlib.sha256)

    def begin(self, key: ApiKey, now: int) -> Session:
        return Session(
            token=new_token(),
            key_id=key.id,
            fingerprint=keys.fingerprint(key),
            began_at=now,
            expires_at=_end(key, now, now),
        )

    def to_cookie(self, sessions: Sequence[Session]) -> str:
        return self._cookies.sign(base64_encode(msgspec.json.encode(sessions))).decode()

    def from_cookie(self, cookie: str) -> list[Session]:
        """The current session first; `find_key` says which of them are valid.

        Empty when the signature is wrong, even in its spelling.
        """
        try:
            payload, _, signature = cookie.encode("ascii").rpartition(b".")
            if not hmac.compare_digest(self._cookies.get_signature(payload), signature):
                return []
            return msgspec.json.decode(base64_decode(payload), type=list[Session])
        except (BadData, UnicodeEncodeError, msgspec.DecodeError):
            return []

    def form_token(self, session_token: str) -> str:
        """The token that a form of this session must contain. The sign-in form has a token without a session."""
        return self._forms.get_signature(session_token).decode()

    def switch_token(self, session_token: str) -> str:
        """The token that makes this session the current one. It is valid for nothing else."""
        return self.form_token(f"switch {session_token}")

    def is_switch_token(self, session_token: str, switch_token: str) -> bool:
        """Compares in constant time."""
        return self.is_form_token(f"switch {session_token}", switch_token)

    def is_form_token(self, session_token: str, form_token: str) -> bool:
        """Compares in constant time."""
        return hmac.compare_digest(self.form_token(session_token).encode(), form_token.encode())


def renew(session: Session, key: ApiKey, now: int) -> Session | None:
    """The same session with a later end, because somebody uses it; None if it was renewed a short time ago."""
    expires_at = _end(key, session.began_at, now)
    if expires_at - session.expires_at < _RENEWED_AFTER:
        return None
    return msgspec.structs.replace(session, expires_at=expires_at)


def _end(key: ApiKey, began_at: int, now: int) -> int:
    """A session ends when nobody uses it for `MAX_IDLE`, at the latest after `MAX_LENGTH`, or with its key."""
    end = min(now + MAX_IDLE, began_at + MAX_LENGTH)
    return end if key.expires_at is None else min(end, key.expires_at)


def new_token() -> str:
    return secrets.token_urlsafe(18)


async def find_key(connection: Reader, session: Session, now: int) -> ApiKey | None:
    """The session's key as it is now; None when the key is no longer active or the session has ended."""
    if session.expires_at <= now or await ended_sessions.select_is_ended(connection, session.token):
        return None
    key = await key_table.select_key(connection, session.key_id)
    if key is None or key.status(now) != "active":
        return None
    return key if hmac.compare_digest(keys.fingerprint(key), session.fingerprint) else None
