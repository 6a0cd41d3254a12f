"""Links are valid with their own signature, until they expire."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailrith_lite import errors
from mailrith_lite.links import Links

LINKS = Links(b"secret")
paths = st.text(st.characters(codec="utf-8"), max_size=40)
seconds = st.integers(1, 1 << 40)


@given(paths, seconds)
def test_a_signature_is_valid_until_its_link_expires(path: str, expires: int) -> None:
    signature = LINKS.sign(path, expires)
    LINKS.check(path, str(expires), signature, expires - 1)
    with pytest.raises(errors.Expired) as expired:
        LINKS.check(path, str(expires), signature, expires)
    assert expired.value.error_code == "download_expired"


@given(paths, paths, seconds, seconds)
def test_a_signature_is_not_valid_for_another_link(path: str, other: str, expires: int, other_expires: int) -> None:
    assume((path, expires) != (other, other_expires))
    assume("." not in other)  # as in every real path: the signature is of "path.expires"
    with pytest.raises(errors.InvalidSignature):
        LINKS.check(other, str(other_expires), LINKS.sign(path, expires), 0)


@given(st.text(), st.text(), st.text())
def test_any_other_signature_is_refused(path: str, expires: str, signature: str) -> None:
    with pytest.raises(errors.InvalidSignature):
        LINKS.check(path, expires, signature, 0)


@given(paths, seconds)
def test_a_signature_with_another_secret_is_not_valid(path: str, expires: int) -> None:
    with pytest.raises(errors.InvalidSignature):
        LINKS.check(path, str(expires), Links(b"another").sign(path, expires), 0)


def test_an_expired_link_with_a_wrong_signature_has_an_invalid_signature() -> None:
    with pytest.raises(errors.InvalidSignature):
        LINKS.check("/downloads/a/b", "1", "x", 10)
