"""Each integer has one public id, and no other text is a public id."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrith_lite import ids
from mailrith_lite.jobs.kinds import EXPORT, IMPORT

PREFIXES = [
    ids.API_KEY,
    ids.CUSTOM_FIELD,
    EXPORT.id_prefix,
    IMPORT.id_prefix,
    ids.SEQUENCE,
    ids.SUBSCRIBER,
    ids.TAG,
    ids.WORKSPACE,
]
numbers = st.integers(1, (1 << 63) - 1)
prefixes = st.sampled_from(PREFIXES)


@given(prefixes, numbers)
def test_decode_reverses_encode(prefix: str, number: int) -> None:
    public_id = ids.encode(prefix, number)
    assert re.fullmatch(rf"{prefix}_[0-9a-hjkmnp-tv-z]{{13}}", public_id)
    assert ids.decode(prefix, public_id) == number


@given(numbers, numbers)
def test_two_integers_have_different_ids(one: int, other: int) -> None:
    assert (ids.encode("tag", one) == ids.encode("tag", other)) == (one == other)


@pytest.mark.slow
def test_the_first_200_000_ids_differ() -> None:
    assert len({ids.encode("", number) for number in range(1, 200_001)}) == 200_000


@given(prefixes, prefixes, numbers)
def test_an_id_with_another_prefix_is_not_decoded(prefix: str, other: str, number: int) -> None:
    assert (ids.decode(other, ids.encode(prefix, number)) is not None) == (prefix == other)


@given(prefixes, st.text())
def test_decode_accepts_only_what_encode_writes(prefix: str, text: str) -> None:
    for public_id in (text, f"{prefix}_{text}"):
        number = ids.decode(prefix, public_id)
        assert number is None or ids.encode(prefix, number) == public_id


@given(st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=13, max_size=13))
def test_thirteen_digits_decode_to_a_positive_integer_or_none(digits: str) -> None:
    number = ids.decode("tag", f"tag_{digits}")
    assert number is None or (0 < number < 1 << 63 and ids.encode("tag", number) == f"tag_{digits}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "tag",
        "tag_",
        "tag_1",
        "tag_0000000000000",
        "tag_zzzzzzzzzzzzz",
        "TAG_9wdvsq5zmmz0n",
        "tag_9WDVSQ5ZMMZ0N",
        "tag_9wdvsq5zmmz0n ",
        " tag_9wdvsq5zmmz0n",
        "tag_9wdvsq5zmmz0nn",
        "tag__9wdvsq5zmmz0n",
        "tag_tag_9wdvsq5zmmz0n",
        "tag_9wdvsq5zmmzo1",
        "tag_９wdvsq5zmmz0n",
        "tag_9wdvsq5zmmz0\0",
        "_9wdvsq5zmmz0n",
    ],
)
def test_other_texts_are_not_decoded(text: str) -> None:
    assert ids.decode("tag", text) is None


def test_ids_never_change() -> None:
    """Clients store them."""
    assert ids.encode("tag", 1) == "tag_9wdvsq5zmmz0n"
    assert ids.encode("export_job", 2) == "export_job_3rvqkebz99y1a"
