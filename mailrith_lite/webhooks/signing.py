"""The signature of a delivery, as the specification Standard Webhooks defines it."""

import base64
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> bytes:
    return secrets.token_bytes(_BYTES)


def as_text(secret: bytes) -> str:
    """The form in which a receiver gets the secret."""
    return PREFIX + base64.b64encode(secret).decode()


def from_text(text: str) -> bytes:
    """The secret in a text of `as_text`."""
    return base64.b64decode(text.removeprefix(PREFIX))


def preview(secret: bytes) -> str:
    """The beginning and the end of the text; it does not help to guess the rest."""
    text = as_text(secret)
    return f"{text[:10]}…{text[-4:]}"


def signature(secret: bytes, event_id: str, timestamp: int, body: bytes) -> str:
    """The value of the header `webhook-signature`. `timestamp`: of the attempt, in seconds since 1970."""
    content = f"{event_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()}"
