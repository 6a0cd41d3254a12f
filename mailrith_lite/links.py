"""Signed links that expire. Whoever has the link has the permission; it needs no API key."""

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
    """Signs and checks links of one purpose: a signature for another purpose is invalid.

    `path` is the path of the link; `expires` is its end, in seconds since 1970.
    """

    def __init__(self, secret: bytes, purpose: Purpose = "download") -> None:
        self._purpose: Purpose = purpose
        self._signer = Signer(secret, salt=f"mailrith_lite.{purpose}", digest_method=hashlib.sha256)

    def sign(self, path: str, expires: int) -> str:
        return self._signer.get_signature(f"{path}.{expires}").decode()

    def check(self, path: str, expires: str, signature: str, now: int) -> None:
        """
        Raises:
            InvalidSignature: the signature does not belong to the link.
            Expired: the end is not after `now`, in seconds.
        """
        self.check_signature(path, expires, signature)
        if int(expires) <= now:
            raise self.expired()

    def check_signature(self, path: str, expires: str, signature: str) -> None:
        """Accepts a link that has expired.

        Raises:
            InvalidSignature: the signature does not belong to the link.
        """
        try:
            self._signer.unsign(f"{path}.{expires}.{signature}".encode())
        except (BadSignature, UnicodeEncodeError):
            raise errors.InvalidSignature("This link was changed or is incomplete; get a fresh one.") from None

    def expired(self) -> errors.Expired:
        return errors.Expired(_EXPIRED[self._purpose], code=f"{self._purpose}_expired")
