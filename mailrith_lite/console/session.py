"""A session: a signed cookie that says which key opened it, and holds nothing of the key itself."""

import hashlib
import hmac
import secrets

import msgspec
from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from mailrith_lite import clock
from mailrith_lite.access import key_table
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.console import ended_sessions
from mailrith_lite.database import Connection

LENGTH = 12 * 3_600 * clock.SECOND
_FINGERPRINT_BYTES = 8


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """`token`: random, what the session's forms are bound to; `fingerprint`: how the key's hash begins, in hex."""

    token: str
    key_id: int
    fingerprint: str
    expires_at: int


class Sessions:
    """Seals them into cookies, and binds forms to them."""

    def __init__(self, secret: bytes) -> None:
        self._cookies = Signer(secret, salt="mailrith_lite.console.session", digest_method=hashlib.sha256)
        self._forms = Signer(secret, salt="mailrith_lite.console.form", digest_method=hashlib.sha256)

    def begin(self, key: ApiKey, now: int) -> Session:
        """Ends with the key, if that is sooner."""
        return Session(
            token=new_token(),
            key_id=key.id,
            fingerprint=_fingerprint(key),
            expires_at=min(now + LENGTH, key.expires_at or now + LENGTH),
        )

    def seal(self, session: Session) -> str:
        """What the cookie holds."""
        return self._cookies.sign(base64_encode(msgspec.json.encode(session))).decode()

    def unseal(self, cookie: str, now: int) -> Session | None:
        """None when the cookie is none of ours, or its time is over."""
        try:
            session = msgspec.json.decode(base64_decode(self._cookies.unsign(cookie.encode())), type=Session)
        except (BadData, UnicodeEncodeError, msgspec.DecodeError):
            return None
        return session if session.expires_at > now else None

    def form_token(self, token: str) -> str:
        """What a form has to bring along that was made for this session, or for this visit before one."""
        return self._forms.get_signature(token).decode()

    def is_form_token(self, token: str, presented: str) -> bool:
        return hmac.compare_digest(self.form_token(token).encode(), presented.encode())


def new_token() -> str:
    return secrets.token_urlsafe(18)


async def find_key(connection: Connection, session: Session, now: int) -> ApiKey | None:
    """The session's key as it is now; None when it is no longer active, or the session is over."""
    if session.expires_at <= now or await ended_sessions.select_is_ended(connection, session.token):
        return None
    key = await key_table.select_key(connection, session.key_id)
    if key is None or key.status(now) != "active":
        return None
    return key if hmac.compare_digest(_fingerprint(key), session.fingerprint) else None


def _fingerprint(key: ApiKey) -> str:
    return key.key_hash[:_FINGERPRINT_BYTES].hex()
