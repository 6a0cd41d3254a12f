"""Converts files to UTF-8. The encoding of older files is not known, so it is detected."""

import codecs
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from mailrith_lite import disk
from mailrith_lite.imports.records import BrokenFile
from mailrith_lite.imports.uploads import encoding_names, languages
from mailrith_lite.imports.uploads.arrival import too_large

_BLOCK = 1 << 16  # characters; a larger block would hold the interpreter lock for longer
_LINE = 1 << 16
_SAMPLE = 1 << 15  # bytes: detection takes milliseconds, and a larger sample hardly improves it
_RANKED = 1 << 13  # bytes of the sample that the usual encodings are compared with
_PRIORS = {
    "cp1252": 0.0,
    **dict.fromkeys(("cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"), -1.0),
    "cp874": -1.0,
    "cp1258": -2.0,
    **dict.fromkeys(("cp932", "gb18030", "big5", "cp949"), -1.0),
    **dict.fromkeys(("iso8859_7", "iso8859_15", "koi8_r", "euc_jp"), -2.0),
    "koi8_u": -2.5,
    **dict.fromkeys(("iso8859_2", "mac_roman", "cp850", "cp852", "cp866", "iso8859_5"), -3.0),
    "cp437": -4.0,
}
"""The usual encodings of spreadsheets and mail tools apart from UTF-8, and how probable each is before the file is
read. The numbers are natural logarithms; one or two misplaced letters outweigh them."""
_PLAUSIBLE = -4.5
"""The least log-likelihood for each byte that is not ASCII."""
_ESCAPE = b"\x1b"
_SURROGATES = re.compile("[\udc80-\udcff]")
MAX_LINES = 10
"""How many lines with wrong bytes are named."""


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """`encoding`: the one that the file had. `wrong_bytes`: how many bytes are not UTF-8, in a file that is UTF-8
    but for these. `wrong_lines`: the first lines that have any."""

    encoding: str
    wrong_bytes: int = 0
    wrong_lines: list[int] = []


def rewrite(
    path: Path, target: Path, encoding: str | None, *, limit: int, check: Callable[[], None] = lambda: None
) -> Conversion:
    """Writes the text to `target` as UTF-8, with its line ends. Blocking.

    `encoding`: None to detect it; two with a comma for a file that is UTF-8 but for some bytes. `limit`: bytes of
    UTF-8. Calls `check` from time to time; an exception from it ends the writing.

    Raises:
        BrokenFile: the file is not text, or not in a known encoding.
        PayloadTooLarge: the text exceeds the limit; nothing beyond it was written.
    """
    for candidate in [encoding] if encoding is not None else _candidates(path):
        try:
            return _rewrite(path, target, candidate, limit, check)
        except UnicodeError:  # in the decoding, or in the encoding of a lone surrogate
            continue
    if encoding is not None:
        name = encoding_names.public(encoding)
        raise BrokenFile(f"its encoding is not known: it is not {name}; save it as CSV in UTF-8")
    raise BrokenFile("its encoding is not known, or it is no text; save it as CSV in UTF-8")


def _rewrite(path: Path, target: Path, encoding: str, limit: int, check: Callable[[], None]) -> Conversion:
    """
    Raises:
        UnicodeError: the file is not in this encoding.
    """
    remaining = limit
    first, _, rest = encoding.partition(", ")
    mixture = _Mixture(rest) if rest else None
    errors = "surrogateescape" if mixture else "strict"
    with path.open(encoding=first, errors=errors, newline="") as text, disk.create_private(target) as file:
        while block := text.read(_BLOCK):
            check()
            data = (mixture.translate(block) if mixture else block).encode()
            remaining -= len(data)
            if remaining < 0:
                raise too_large(limit, "has as UTF-8")
            file.write(data)
        disk.sync_file(file)
    if mixture is None:
        return Conversion(encoding=encoding)
    return Conversion(encoding=encoding, wrong_bytes=mixture.wrong_bytes, wrong_lines=mixture.wrong_lines)


class _Mixture:
    """Replaces the bytes that are not UTF-8, which Python has decoded as surrogates, by letters of an encoding."""

    def __init__(self, encoding: str) -> None:
        self._letters = {0xDC00 + byte: bytes([byte]).decode(encoding, "replace") for byte in range(0x80, 0x100)}
        self._line = 1
        self._after_return = False
        self.wrong_bytes = 0
        self.wrong_lines: list[int] = []

    def translate(self, block: str) -> str:
        count = len(_SURROGATES.findall(block))
        if len(self.wrong_lines) < MAX_LINES:
            self._note_lines(block, count)
        if not count:
            return block
        self.wrong_bytes += count
        return block.translate(self._letters)

    def _note_lines(self, block: str, count: int) -> None:
        lines = io.StringIO(block, newline="")
        if self._after_return and block[0] == "\n":  # the line end is a CRLF across two blocks
            lines.read(1)
        for line in lines if count else ():
            if len(self.wrong_lines) < MAX_LINES and _SURROGATES.search(line):
                self._note_line()
            self._line += line.endswith(("\r", "\n"))
        if not count:
            rest = lines.read()
            self._line += rest.count("\n") + rest.count("\r") - rest.count("\r\n")
        self._after_return = block[-1] == "\r"

    def _note_line(self) -> None:
        if self.wrong_lines[-1:] != [self._line]:  # a line can reach over several blocks
            self.wrong_lines.append(self._line)


def _candidates(path: Path) -> Iterator[str]:
    """The encodings that the file may have, the most probable first.

    Raises:
        BrokenFile: the file is not text.
    """
    sample = _sample(path)
    if b"\0" in sample:
        raise BrokenFile("it has NUL bytes, which no text has; save it as CSV in UTF-8")
    if _ESCAPE in sample:
        yield from _iso2022_candidates(sample)
    elif _is_mostly_utf8(sample):
        yield encoding_names.MIXED
    else:
        yield from _usual_candidates(sample)
        yield from _other_candidates(sample)


def _iso2022_candidates(sample: bytes) -> list[str]:
    """
    Raises:
        BrokenFile: the escape codes are not those of ISO-2022-JP.
    """
    if not re.search(rb"\x1b\$[@B]", sample):
        raise BrokenFile("it has escape codes (ESC), which no CSV file has; save it as CSV in UTF-8")
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
    return [encoding_names.widest(name) for match in matches for name in match.could_be_from_charset]


def _sample(path: Path) -> bytes:
    """The first line, and the lines that are not ASCII."""
    sample = bytearray()
    with path.open("rb") as file:
        while len(sample) < _SAMPLE and (line := file.readline(_LINE)):
            if not sample or not line.isascii() or b"\0" in line or _ESCAPE in line:
                sample += line
    return bytes(sample)


def _is_mostly_utf8(sample: bytes) -> bool:
    """Whether most letters are correct UTF-8, which text in another encoding is very seldom by chance. Another
    encoding would garble every correct letter of such a file."""
    text = codecs.decode(sample, "utf-8", "replace")
    wrong = text.count("\ufffd")
    return sum(1 for character in text if character > "\x7f") > 2 * wrong
