"""Files in other encodings than UTF-8, as older programs write them: found out, and written again as UTF-8."""

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from mailrith_lite import disk
from mailrith_lite.imports.arrival import too_large
from mailrith_lite.imports.source import BrokenFile

_BLOCK = 1 << 16  # characters: more at a time would hold the interpreter for longer
_LINE = 1 << 16
_SAMPLE = 1 << 15  # bytes; the guess takes milliseconds, and more would hardly make it better
_EAST_ASIAN = ("cp932", "gb18030", "big5", "cp949")
_WIDESPREAD = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", *_EAST_ASIAN)
_USUAL = (*_WIDESPREAD, "koi8_r", "mac_roman")
"""What spreadsheets and mail tools write where they do not write UTF-8."""
_WORD = re.compile("[\u3005-\u30ff\u4e00-\u9fff\uac00-\ud7a3]{2,}")
_MOST = 0.8
_AS_GOOD = 0.02  # guesses that differ by no more are equals
_MOSTLY = 10


def rewrite(
    path: Path, target: Path, encoding: str | None, *, limit: int, check: Callable[[], None] = lambda: None
) -> str:
    """Writes the text as UTF-8 into `target`, its line ends as they are, and tells the encoding it had. Blocking.

    `encoding`: None when it has to be found out. `limit`: bytes of UTF-8. `check` is called now and then, and may raise to end the writing.

    Raises:
        BrokenFile: it is no text in an encoding that can be found.
        PayloadTooLarge: the limit is reached; nothing beyond it was written.
    """
    for candidate in [encoding] if encoding is not None else _candidates(path):
        try:
            _rewrite(path, target, candidate, limit, check)
            return candidate
        except UnicodeError:  # also one of half a pair of surrogates
            continue
    raise BrokenFile("its encoding is not known, or it is no text; save it as CSV in UTF-8")


def _rewrite(path: Path, target: Path, encoding: str, limit: int, check: Callable[[], None]) -> None:
    """
    Raises:
        UnicodeError: it is not in this encoding.
    """
    left = limit
    with path.open(encoding=encoding, newline="") as text, disk.create_private(target) as file:
        while block := text.read(_BLOCK):
            check()
            data = block.encode()
            left -= len(data)
            if left < 0:
                raise too_large(limit, "has as UTF-8")
            file.write(data)
        disk.sync_file(file)


def _candidates(path: Path) -> list[str]:
    """The encodings that the file may have, the likeliest first.

    Raises:
        BrokenFile: this is UTF-8 with a few wrong bytes, or no text at all.
    """
    from charset_normalizer import from_bytes

    sample = _sample(path)
    if b"\0" in sample:
        raise BrokenFile("it holds NUL bytes, as no text does; save it as CSV in UTF-8")
    _check_not_nearly_utf8(sample)
    found = from_bytes(sample, cp_isolation=list(_USUAL)) or from_bytes(sample)
    best = min((match.chaos for match in found), default=0.0)
    ranked = sorted(
        (
            match.chaos > best + _AS_GOOD,
            not _in_words(sample, name),
            name not in _WIDESPREAD,
            -round(match.coherence, 1),
            _rank(name),
            name,
        )
        for match in found
        for name in _names(match.could_be_from_charset)
    )
    return list(dict.fromkeys(name for *_, name in ranked))


def _in_words(sample: bytes, name: str) -> bool:
    """Is it text of East Asia? Read as that, an accented letter of another text gives a sign that stands alone."""
    if name not in _EAST_ASIAN:
        return False
    text = sample.decode(name, "replace")
    words = sum(len(word) for word in _WORD.findall(text))
    return words >= _MOST * sum(1 for character in text if character > "\x7f")


def _names(encodings: list[str]) -> Iterator[str]:
    """One multi-byte or Windows encoding stands for those of which it is more than all."""
    for name in encodings:
        yield {"latin_1": "cp1252", "shift_jis": "cp932", "gb2312": "gb18030", "euc_kr": "cp949"}.get(name, name)


def _rank(name: str) -> int:
    return _USUAL.index(name) if name in _USUAL else len(_USUAL)


def _sample(path: Path) -> bytes:
    """The lines that tell: the first one, and those that hold more than ASCII."""
    sample = bytearray()
    with path.open("rb") as file:
        while len(sample) < _SAMPLE and (line := file.readline(_LINE)):
            if not sample or not line.isascii() or b"\0" in line:
                sample += line
    return bytes(sample)


def _check_not_nearly_utf8(sample: bytes) -> None:
    """A guess would make nonsense of every right character of such a file."""
    text = codecs.decode(sample, "utf-8", "replace")
    wrong = text.count("\ufffd")
    right = sum(1 for character in text if character > "\x7f") - wrong
    if right > _MOSTLY * wrong:
        raise BrokenFile("it is UTF-8 with damaged characters; save it as CSV in UTF-8 again")
