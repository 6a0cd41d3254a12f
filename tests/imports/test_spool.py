"""Writing a JSON literal as a UTF-8 file, in segments of any size."""

import json
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailrith_lite import errors
from mailrith_lite.imports import spool

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "100"))
LONGEST_UNIT = 12  # bytes of a pair of escaped surrogates: a segment must have room for it
SEGMENTS = range(LONGEST_UNIT, 2 * LONGEST_UNIT)

texts = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60),
    st.text(alphabet='\\"u/aé€👩\u0000\n\ud7ff\ue000\uffff\U0010ffff', max_size=60),
)


def write(literal: bytes, path: Path) -> bytes:
    spool.write_source(memoryview(literal), path)
    return path.read_bytes()


def literals(text: str) -> list[bytes]:
    return [
        json.dumps(text, ensure_ascii=True).encode(),
        json.dumps(text, ensure_ascii=False).encode(),
        msgspec.json.encode(text),
        b'"' + b"".join(b"\\u%04X" % unit for unit in _units(text)) + b'"',
    ]


def _units(text: str) -> list[int]:
    encoded = text.encode("utf-16-be")
    return [int.from_bytes(encoded[index : index + 2]) for index in range(0, len(encoded), 2)]


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(text="\\" * 50)
@example(text="👩" * 20)
@example(text='\\"' * 20)
@example(text="\\u0041\\ud83d")
@given(text=texts)
def test_every_literal_of_a_text_makes_the_same_file(text: str, tmp_path: Path) -> None:
    for literal in literals(text):
        assert write(literal, tmp_path / "whole.csv") == text.encode()


@settings(max_examples=EXAMPLES // 10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(text="\\" * 50)
@example(text="👩" * 20)
@example(text='a\\"' * 20)
@example(text="\\u0041\\ud83d\\")
@example(text="aé€👩\\\n" * 5)
@given(text=texts)
def test_the_size_of_the_segments_does_not_matter(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for segment in SEGMENTS:
        monkeypatch.setattr(spool, "SEGMENT", segment)
        for literal in literals(text):
            assert write(literal, tmp_path / "cut.csv") == text.encode()


NOT_TEXT = [
    b'"\\ud800"',
    b'"\\udc00"',
    b'"\\ud800x"',
    b'"\\ud800\\u0041"',
    b'"\\ud800\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\ud83d\\n\\ude00"',
    b'"\xed\xa0\x80"',
    b'"\xed\xa0\xbd\xed\xb8\x80"',
    b'"\xff"',
    b'"\x80"',
    b'"\xc3"',
    b'"\xe2\x82"',
    b'"\xc0\xaf"',
    b'"\xf4\x90\x80\x80"',
    b'"\\q"',
    b'"\\u12"',
    b'"\\u12g4"',
    b'"a\nb"',
    b'"\x00"',
    b'"\x1f"',
]


@pytest.mark.parametrize("literal", NOT_TEXT)
@pytest.mark.parametrize("before", [0, 1, 9, 10, 11, 12, 13])
def test_a_literal_that_is_not_text_is_refused_wherever_a_segment_ends(
    literal: bytes, before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "SEGMENT", LONGEST_UNIT)
    with pytest.raises(errors.InvalidBody) as refused:
        write(b'"' + b"x" * before + literal[1:-1] + b"x" * 20 + b'"', tmp_path / "bad.csv")
    assert refused.value.details["field"] == "csv_text"


@pytest.mark.parametrize("unit", [b"\x80", b"\xbf", b"\\ud800", b"\\uDBFF", b"\xf0", b"\xc3"])
def test_a_long_run_of_incomplete_characters_is_refused(unit: bytes, tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidBody):
        write(b'"a,b\\n' + unit * (3 * spool.SEGMENT // len(unit)) + b'"', tmp_path / "bad.csv")


@pytest.mark.parametrize("text", ["\\" * 200_000, "é" * 100_000, "👩" * 100_000, "\\u" * 90_000, '"' * 100_001])
def test_a_text_of_many_segments_makes_the_same_file(text: str, tmp_path: Path) -> None:
    for literal in literals(text):
        assert write(literal, tmp_path / "long.csv") == text.encode()


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    write(b'"a"', tmp_path / "private.csv")
    assert (tmp_path / "private.csv").stat().st_mode & 0o777 == 0o600
