"""Converts files to UTF-8. The encoding of older files is not known, so it is detected."""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mailrith_lite import disk
from mailrith_lite.imports.records import BrokenFile
from mailrith_lite.imports.uploads import languages
from mailrith_lite.imports.uploads.arrival import too_large

_BLOCK = 1 << 16  # characters; a larger block would hold the interpreter lock for longer
_LINE = 1 << 16
_SAMPLE = 1 << 15  # bytes: detection takes milliseconds, and a larger sample hardly improves it
_RANKED = 1 << 13  # bytes of the sample that the usual encodings are compared with
_PRIORS = {
    "cp1252": 0.0,
    **dict.fromkeys(("cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"), -1.0),
    **dict.fromkeys(("cp932", "gb18030", "big5", "cp949"), -1.0),
    **dict.fromkeys(("iso8859_7", "iso8859_15", "koi8_r", "euc_jp"), -2.0),
    **dict.fromkeys(("iso8859_2", "mac_roman", "cp850", "cp852", "cp866", "iso8859_5"), -3.0),
    "cp437": -4.0,
}
"""The usual encodings of spreadsheets and mail tools apart from UTF-8, and how probable each is before the file is
read. The numbers are natural logarithms; one or two misplaced letters outweigh them."""
_PLAUSIBLE = -4.5
"""The least log-likelihood for each byte that is not ASCII."""
_ESCAPE = b"\x1b"
_MOSTLY = 10
"""A file with this many correct UTF-8 characters for each wrong one is damaged UTF-8."""
_PUBLIC_NAMES = {
    "cp932": "Shift_JIS",
    "cp949": "EUC-KR",
    "mac_roman": "macintosh",
    "koi8_r": "KOI8-R",
    "big5": "Big5",
    "euc_jp": "EUC-JP",
    "iso2022_jp": "ISO-2022-JP",
    "iso2022_jp_ext": "ISO-2022-JP",
}


def public_name(encoding: str) -> str:
    """The usual name of a Python encoding: `windows-1252`, `ISO-8859-2`, `IBM850`, `UTF-8`."""
    if encoding in _PUBLIC_NAMES:
        return _PUBLIC_NAMES[encoding]
    name = re.sub(r"cp(125\d)", r"windows-\1", encoding)
    name = re.sub(r"iso8859_(\d+)", r"ISO-8859-\1", re.sub(r"cp(\d+)", r"IBM\1", name))
    return name if name != encoding else encoding.upper()


def rewrite(
    path: Path, target: Path, encoding: str | None, *, limit: int, check: Callable[[], None] = lambda: None
) -> str:
    """Writes the text to `target` as UTF-8, with its line ends. Returns the encoding that it had. Blocking.

    `encoding`: None to detect it. `limit`: bytes of UTF-8. Calls `check` from time to time; an exception from it
    ends the writing.

    Raises:
        BrokenFile: the file is not text, or not in a known encoding.
        PayloadTooLarge: the text exceeds the limit; nothing beyond it was written.
    """
    for candidate in [encoding] if encoding is not None else _candidates(path):
        try:
            _rewrite(path, target, candidate, limit, check)
            return candidate
        except UnicodeError:  # in the decoding, or in the encoding of a lone surrogate
            continue
    raise BrokenFile("its encoding is not known, or it is no text; save it as CSV in UTF-8")


def _rewrite(path: Path, target: Path, encoding: str, limit: int, check: Callable[[], None]) -> None:
    """
    Raises:
        UnicodeError: the file is not in this encoding.
    """
    remaining = limit
    with path.open(encoding=encoding, newline="") as text, disk.create_private(target) as file:
        while block := text.read(_BLOCK):
            check()
            data = block.encode()
            remaining -= len(data)
            if remaining < 0:
                raise too_large(limit, "has as UTF-8")
            file.write(data)
        disk.sync_file(file)


def _candidates(path: Path) -> list[str]:
    """The encodings that the file may have, the most probable first.

    Raises:
        BrokenFile: the file is damaged UTF-8, or is not text.
    """
    sample = _sample(path)
    if b"\0" in sample:
        raise BrokenFile("it holds NUL bytes, as no text does; save it as CSV in UTF-8")
    if _ESCAPE in sample:
        return _iso2022_candidates(sample)
    _check_not_damaged_utf8(sample)
    return list(dict.fromkeys([*_usual_candidates(sample), *_other_candidates(sample)]))


def _iso2022_candidates(sample: bytes) -> list[str]:
    """
    Raises:
        BrokenFile: the escape codes are not those of ISO-2022-JP.
    """
    if not re.search(rb"\x1b\$[@B]", sample):
        raise BrokenFile("it holds escape codes (ESC), as no CSV does; save it as CSV in UTF-8")
    return ["iso2022_jp", "iso2022_jp_ext"]


def _usual_candidates(sample: bytes) -> list[str]:
    """The usual encodings in which the sample is plausible, the most probable first."""
    part = sample[:_RANKED]
    minimum = _PLAUSIBLE * sum(1 for byte in part if byte > 0x7F)
    weights: dict[str, float] = {}
    for name, prior in _PRIORS.items():
        try:
            text = codecs.getincrementaldecoder(name)().decode(part)
        except UnicodeError:
            continue
        weight = languages.likelihood(text, name)
        if weight >= minimum:
            weights[name] = weight + prior
    return sorted(weights, key=lambda name: -weights[name])


def _other_candidates(sample: bytes) -> list[str]:
    """What charset-normalizer detects, for texts in languages that `languages` does not know."""
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=list(_PRIORS)) or from_bytes(sample)
    return list(_supersets(name for match in matches for name in match.could_be_from_charset))


def _supersets(encodings: Iterable[str]) -> Iterator[str]:
    """Replaces an encoding by one that can decode everything that it can, and more."""
    for name in encodings:
        yield {"latin_1": "cp1252", "shift_jis": "cp932", "gb2312": "gb18030", "euc_kr": "cp949"}.get(name, name)


def _sample(path: Path) -> bytes:
    """The first line, and the lines that are not ASCII."""
    sample = bytearray()
    with path.open("rb") as file:
        while len(sample) < _SAMPLE and (line := file.readline(_LINE)):
            if not sample or not line.isascii() or b"\0" in line or _ESCAPE in line:
                sample += line
    return bytes(sample)


def _check_not_damaged_utf8(sample: bytes) -> None:
    """Another encoding would garble every correct character of such a file.

    Raises:
        BrokenFile
    """
    text = codecs.decode(sample, "utf-8", "replace")
    wrong = text.count("\ufffd")
    right = sum(1 for character in text if character > "\x7f") - wrong
    if right > _MOSTLY * wrong:
        raise BrokenFile("it is UTF-8 with damaged characters; save it as CSV in UTF-8 again")
