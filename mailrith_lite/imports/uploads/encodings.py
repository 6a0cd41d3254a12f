"""Files in other encodings than UTF-8, as older programs write them: found out, and written again as UTF-8."""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mailrith_lite import disk
from mailrith_lite.imports.records import BrokenFile
from mailrith_lite.imports.uploads import languages
from mailrith_lite.imports.uploads.arrival import too_large

_BLOCK = 1 << 16  # characters: more at a time would hold the interpreter for longer
_LINE = 1 << 16
_SAMPLE = 1 << 15  # bytes; the guess takes milliseconds, and more would hardly make it better
_WEIGHED = 1 << 13  # bytes of the sample
_PRIORS = {
    "cp1252": 0.0,
    **dict.fromkeys(("cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"), -1.0),
    **dict.fromkeys(("cp932", "gb18030", "big5", "cp949"), -1.0),
    **dict.fromkeys(("iso8859_7", "iso8859_15", "koi8_r", "euc_jp"), -2.0),
    **dict.fromkeys(("iso8859_2", "mac_roman", "cp850", "cp852", "cp866", "iso8859_5"), -3.0),
    "cp437": -4.0,
}
"""What spreadsheets and mail tools write where they do not write UTF-8, and how likely that is before a look at the
file, as natural logarithms: a letter or two that are out of place outweigh it."""
_PLAUSIBLE = -4.5  # for each byte that is not ASCII
_ESCAPE = b"\x1b"
_MOSTLY = 10


_SHOWN = {
    "cp932": "Shift_JIS",
    "cp949": "EUC-KR",
    "mac_roman": "macintosh",
    "koi8_r": "KOI8-R",
    "big5": "Big5",
    "euc_jp": "EUC-JP",
    "iso2022_jp": "ISO-2022-JP",
    "iso2022_jp_ext": "ISO-2022-JP",
}


def shown_name(encoding: str) -> str:
    """As others call it: `windows-1252`, `ISO-8859-2`, `IBM850`, `UTF-8`."""
    if encoding in _SHOWN:
        return _SHOWN[encoding]
    name = re.sub(r"cp(125\d)", r"windows-\1", encoding)
    name = re.sub(r"iso8859_(\d+)", r"ISO-8859-\1", re.sub(r"cp(\d+)", r"IBM\1", name))
    return name if name != encoding else encoding.upper()


def rewrite(
    path: Path, target: Path, encoding: str | None, *, limit: int, check: Callable[[], None] = lambda: None
) -> str:
    """Writes the text as UTF-8 into `target`, its line ends as they are, and tells the encoding it had. Blocking.

    `encoding`: None when it has to be found out. `limit`: bytes of UTF-8. `check` is called now and then,
    and may raise to end the writing.

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
    sample = _sample(path)
    if b"\0" in sample:
        raise BrokenFile("it holds NUL bytes, as no text does; save it as CSV in UTF-8")
    if _ESCAPE in sample:
        return _escaped(sample)
    _check_not_nearly_utf8(sample)
    return list(dict.fromkeys([*_weighed(sample), *_guessed(sample)]))


def _escaped(sample: bytes) -> list[str]:
    """
    Raises:
        BrokenFile: the escape codes are not those of ISO-2022-JP.
    """
    if not re.search(rb"\x1b\$[@B]", sample):
        raise BrokenFile("it holds escape codes (ESC), as no CSV does; save it as CSV in UTF-8")
    return ["iso2022_jp", "iso2022_jp_ext"]


def _weighed(sample: bytes) -> list[str]:
    """The usual encodings in which the sample is plausible, the likeliest first."""
    part = sample[:_WEIGHED]
    least = _PLAUSIBLE * sum(1 for byte in part if byte > 0x7F)
    weights: dict[str, float] = {}
    for name, prior in _PRIORS.items():
        try:
            text = codecs.getincrementaldecoder(name)().decode(part)
        except UnicodeError:
            continue
        weight = languages.likelihood(text, name)
        if weight >= least:
            weights[name] = weight + prior
    return sorted(weights, key=lambda name: -weights[name])


def _guessed(sample: bytes) -> list[str]:
    """What a look at all encodings finds, for texts in other languages."""
    from charset_normalizer import from_bytes

    found = from_bytes(sample, cp_isolation=list(_PRIORS)) or from_bytes(sample)
    return list(_names(name for match in found for name in match.could_be_from_charset))


def _names(encodings: Iterable[str]) -> Iterator[str]:
    """One multi-byte or Windows encoding stands for those of which it is more than all."""
    for name in encodings:
        yield {"latin_1": "cp1252", "shift_jis": "cp932", "gb2312": "gb18030", "euc_kr": "cp949"}.get(name, name)


def _sample(path: Path) -> bytes:
    """The lines that tell: the first one, and those that hold more than ASCII."""
    sample = bytearray()
    with path.open("rb") as file:
        while len(sample) < _SAMPLE and (line := file.readline(_LINE)):
            if not sample or not line.isascii() or b"\0" in line or _ESCAPE in line:
                sample += line
    return bytes(sample)


def _check_not_nearly_utf8(sample: bytes) -> None:
    """A guess would make nonsense of every right character of such a file."""
    text = codecs.decode(sample, "utf-8", "replace")
    wrong = text.count("\ufffd")
    right = sum(1 for character in text if character > "\x7f") - wrong
    if right > _MOSTLY * wrong:
        raise BrokenFile("it is UTF-8 with damaged characters; save it as CSV in UTF-8 again")
