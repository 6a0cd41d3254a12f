"""Links are valid with their own signature, until they expire."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailrith_lite import errors
from mailrith_lite.links import Links

LINKS = Links(b"secret")
HOLDER = "api_key_a.0123456789abcdef"
paths = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
seconds = st.integers(1, 1 << 40)


@given(paths, seconds)
def test_signature_is_valid_for_its_link(path: str, expires: int) -> None:
    LINKS.check_signature(path, HOLDER, str(expires), LINKS.sign(path, HOLDER, expires))


@pytest.mark.parametrize("purpose", ["download", "upload"])
def test_link_expires_at_its_end(purpose: str) -> None:
    links = Links(b"secret", purpose)  # type: ignore[arg-type]
    links.check_end("10", 9)
    with pytest.raises(errors.Expired) as expired:
        links.check_end("10", 10)
    assert expired.value.error_code == f"{purpose}_expired"


@given(paths, paths, seconds, seconds)
def test_signature_is_not_valid_for_another_link(path: str, other: str, expires: int, other_expires: int) -> None:
    assume((path, expires) != (other, other_expires))
    assume("." not in other)  # as in every real path: the signature is of "path.holder.expires"
    with pytest.raises(errors.InvalidSignature):
        LINKS.check_signature(other, HOLDER, str(other_expires), LINKS.sign(path, HOLDER, expires))


def test_signature_is_not_valid_for_another_holder() -> None:
    with pytest.raises(errors.InvalidSignature):
        LINKS.check_signature("/a", "api_key_b.0123456789abcdef", "1", LINKS.sign("/a", HOLDER, 1))


@given(st.text(), st.text(), st.text(), st.text())
def test_any_other_signature_is_refused(path: str, holder: str, expires: str, signature: str) -> None:
    with pytest.raises(errors.InvalidSignature):
        LINKS.check_signature(path, holder, expires, signature)


@given(paths, seconds)
def test_signature_with_another_secret_is_not_valid(path: str, expires: int) -> None:
    with pytest.raises(errors.InvalidSignature):
        LINKS.check_signature(path, HOLDER, str(expires), Links(b"another").sign(path, HOLDER, expires))


@given(seconds)
def test_only_one_spelling_of_a_signature_is_valid(expires: int) -> None:
    """Base64 decoders ignore padding and the last two bits, and many read + and / for - and _."""
    signature = LINKS.sign("/a", HOLDER, expires)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(signature[-1])
    same_bytes = [signature[:-1] + alphabet[last ^ bits] for bits in (1, 2, 3)]
    classic = signature.replace("-", "+").replace("_", "/")
    for spelling in (f"{signature}=", f"{signature}==", f"{signature}\n", f" {signature}", *same_bytes, classic):
        if spelling != signature:
            with pytest.raises(errors.InvalidSignature):
                LINKS.check_signature("/a", HOLDER, str(expires), spelling)
