"""The names of encodings: what a request calls them, what Python calls them, and what people read."""

import codecs
import re

MIXED = "utf-8, cp1252"
"""UTF-8, but for bytes that are letters in the other encoding."""
_PUBLIC = {
    "cp932": "Shift_JIS",
    "cp949": "EUC-KR",
    "cp874": "windows-874",
    "mac_roman": "macintosh",
    "koi8_r": "KOI8-R",
    "koi8_u": "KOI8-U",
    "big5": "Big5",
    "euc_jp": "EUC-JP",
    "iso2022_jp": "ISO-2022-JP",
    "iso2022_jp_ext": "ISO-2022-JP",
}
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859_1": "cp1252",
    "latin_1": "cp1252",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "utf_8": "utf-8",
    "utf_8_sig": "utf-8",
    "utf_16": "utf-16",
}
_ALIASES = {"windows-874": "cp874", "windows-31j": "cp932", "windows-949": "cp949"}
_READABLE = re.compile(
    r"utf-(?:8|16)|cp(?:125\d|437|85\d|86[0-6]|874|932|949)|iso8859_\d+|iso2022_jp(?:_ext)?"
    r"|koi8_[ru]|mac_\w+|gb18030|big5(?:hkscs)?|euc_jp"
)


def public(encoding: str) -> str:
    """The usual name of a Python encoding: `windows-1252`, `ISO-8859-2`, `IBM850`, `UTF-8`."""
    if ", " in encoding:
        return ", ".join(map(public, encoding.split(", ")))
    if encoding in _PUBLIC:
        return _PUBLIC[encoding]
    name = re.sub(r"cp(125\d)", r"windows-\1", encoding)
    name = re.sub(r"iso8859_(\d+)", r"ISO-8859-\1", re.sub(r"cp(\d+)", r"IBM\1", name))
    return name if name != encoding else encoding.upper()


def find(name: str) -> str | None:
    """The encoding of a request, as `encodings.rewrite` takes it; None for a name that is not known.

    Two names with a comma between them are UTF-8, and an encoding with one byte for each letter.
    """
    first, comma, second = (part.strip().lower() for part in name.partition(","))
    encoding = _find_one(first)
    if not comma or encoding is None:
        return encoding
    rest = _find_one(second)
    if encoding != "utf-8" or rest is None or not _has_single_bytes(rest):
        return None
    return f"utf-8, {rest}"


def widest(encoding: str) -> str:
    """An encoding that can decode everything that this one can, and often more."""
    return _SUPERSETS.get(encoding, encoding)


def _find_one(name: str) -> str | None:
    try:
        python_name = codecs.lookup(_ALIASES.get(name, name)).name
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        return None
    encoding = widest(python_name.replace("-", "_"))
    return encoding if _READABLE.fullmatch(encoding) else None


def _has_single_bytes(encoding: str) -> bool:
    return len(bytes(range(0x80, 0x100)).decode(encoding, "replace")) == 0x80
