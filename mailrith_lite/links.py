"""Signed links that expire. Whoever has the link has the permission; the request needs no API key."""

import hashlib
import hmac
from typing import Literal

from itsdangerous import Signer

from mailrith_lite import errors

Purpose = Literal["download", "upload"]

_EXPIRED: dict[Purpose, str] = {
    "download": "This link has expired; get the job again, or start a new export.",
    "upload": "This link has expired; go back to the application and start a new upload.",
}


class Links:
    """Signs and checks links of one purpose: a signature for another purpose is invalid.

    `path`: of the link. `holder`: names whom it was made for. `expires`: its end, in seconds since 1970.
    """

    def __init__(self, secret: bytes, purpose: Purpose = "download") -> None:
        self._purpose: Purpose = purpose
        self._signer = Signer(secret, salt=f"mailrith_lite.{purpose}", digest_method=hashlib.sha256)

    def sign(self, path: str, holder: str, expires: int | str) -> str:
        return self._signer.get_signature(f"{path}.{holder}.{expires}".encode(errors="replace")).decode()

    def check_signature(self, path: str, holder: str, expires: str, signature: str) -> None:
        """Accepts a link that has expired. Compares texts, because several texts decode to the same bytes.

        Raises:
            InvalidSignature: the signature does not belong to the link.
        """
        own = self.sign(path, holder, expires)
        if not hmac.compare_digest(own.encode(), signature.encode(errors="replace")):
            raise invalid_signature()

    def check_end(self, expires: str, now: int) -> None:
        """Call it for a link whose signature is valid. `now`: in seconds.

        Raises:
            Expired: the end is not after `now`.
        """
        if int(expires) <= now:
            raise self.expired()

    def expired(self) -> errors.Expired:
        return errors.Expired(_EXPIRED[self._purpose], code=f"{self._purpose}_expired")


def invalid_signature() -> errors.InvalidSignature:
    return errors.InvalidSignature("This link was changed or is incomplete; get a new one.")


def revoked() -> errors.Forbidden:
    return errors.Forbidden(
        "The API key of this link was revoked or has expired; get a new link with another key.",
        code="link_revoked",
    )
