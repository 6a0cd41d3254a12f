"""Signed links that expire: the signature is the permission, so a link needs no API key."""

import hashlib
from typing import Literal

from itsdangerous import BadSignature, Signer

from mailrith_lite import errors

Purpose = Literal["download", "upload"]

_EXPIRED: dict[Purpose, str] = {
    "download": "This link has expired; get the job again, or start a new export.",
    "upload": "This link has expired; go back to the application and start a new upload.",
}


class Links:
    """Signs `what` (a resource's public id) together with the second at which the link ends.

    A link for one purpose opens nothing of another.
    """

    def __init__(self, secret: bytes, purpose: Purpose = "download") -> None:
        self._purpose: Purpose = purpose
        self._signer = Signer(secret, salt=f"mailrith_lite.{purpose}", digest_method=hashlib.sha256)

    def sign(self, what: str, expires: int) -> str:
        """The signature of a link to `what` that ends at `expires`, in seconds since 1970."""
        return self._signer.get_signature(f"{what}.{expires}").decode()

    def check(self, what: str, expires: str, signature: str, now: int) -> None:
        """
        Raises:
            InvalidSignature: the link was changed, or made by somebody else.
            Expired: it was valid until `now` (seconds) came.
        """
        self.check_signature(what, expires, signature)
        if int(expires) <= now:
            raise self.expired()

    def check_signature(self, what: str, expires: str, signature: str) -> None:
        """Of a link that may have ended.

        Raises:
            InvalidSignature
        """
        try:
            self._signer.unsign(f"{what}.{expires}.{signature}".encode())
        except (BadSignature, UnicodeEncodeError):
            raise errors.InvalidSignature("This link was changed or is incomplete; get a fresh one.") from None

    def expired(self) -> errors.Expired:
        return errors.Expired(_EXPIRED[self._purpose], code=f"{self._purpose}_expired")
