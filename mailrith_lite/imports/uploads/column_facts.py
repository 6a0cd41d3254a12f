"""What the cells of a column look like, counted over the whole file in flat memory."""

import functools
import re
import string
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from mailrith_lite.audience import values, vocabulary
from mailrith_lite.audience.column_format import FormatTally, Kind, Undecided
from mailrith_lite.audience.number_formats import MAX_NUMBER
from mailrith_lite.cells import unguard
from mailrith_lite.imports.uploads import field_names, leaving

MAX_WORDS = 60
"""A column with more different cells has no `words`."""
MAX_WORD = 60
MAX_LEFT = 20
"""Different cells about people who have left that are counted."""
_NEVER_ABOUT_LEAVING = frozenset(["email", "name", "first-name", "last-name", "country"])
_SAMPLES = 3
_MAX_SAMPLE = 60
_COUNTED = 1_000
"""Different cells that are counted before their facts are read."""
_TRIED = 1_000
"""Different cells after which a reader that accepts almost none of them is not tried any more."""
_HOPELESS = 0.05
_EMAIL_CHARACTERS = 63
_PLAIN_EMAIL = r"[a-zA-Z0-9._+-]++@[a-zA-Z0-9]++(?:[.-][a-zA-Z0-9]++)++"
_PLAIN_EMAILS = re.compile(rf"(?:{_PLAIN_EMAIL}\n)*+")
_ONE_PLAIN_EMAIL = re.compile(_PLAIN_EMAIL)
"""Of at most 63 characters it is always valid. The quantifiers are possessive, so the match takes linear time."""
_LETTERS = string.ascii_letters + string.digits
_SHAPE = bytes(ord("a" if chr(byte) in _LETTERS else "-") for byte in range(256))
_MARKS = bytes.maketrans(b"-_", b".+")
_ADDRESS_MARKS = re.compile(rb"(?:[.+]*+@\.++\n)*+")
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY_OF_YEAR = "(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31"
_DAY = rf"(?!0000)(?:[0-9]{{4}}-(?:{_DAY_OF_YEAR})|{_LEAP_YEAR}-02-29)"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?Z?"
_ISO_DAY = re.compile(_DAY)
_ISO_MOMENTS = re.compile(rf"(?:{_DAY}(?:[T ]{_TIME})?\n)*+")
"""Only days of the calendar."""
_KINDS: tuple[Kind, ...] = ("date", "number")
_BLANK_EDGES = (" \n", "\n ", "\n' ")
_ASCII_EDGES = ("\t", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f")
_DIGIT = re.compile(r"[0-9]")
_PLAIN_NUMBER = re.compile(rf"(?!-0\Z)(?=.{{1,{MAX_NUMBER}}}\Z)-?(?:0|[1-9][0-9]*+)(?:\.[0-9]*[1-9])?")
"""A number as an export writes it."""


class Readable(msgspec.Struct, frozen=True, kw_only=True):
    """`count`: the filled cells that a reader accepts. `refused`: the first one that it does not, cut; "" if it
    accepts all."""

    count: int = 0
    refused: str = ""


class Formatted(Readable, frozen=True, kw_only=True):
    """The result of the format that reads the most cells; words such as N/A count as read. `undecided`: two formats
    that read as many cells, and differ."""

    undecided: Undecided | None = None


class ColumnFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`filled`: the number of cells that are not blank. `samples`: the first different ones, cut. `longest`: the
    number of characters of the longest cell. `words`: each different cell, trimmed, and how many there are; None if
    there are too many. `left`: if there are too many, the cells that say that a person has left, cut, and how many
    of each. `emails`, `countries`, `plain_numbers`, `iso_days`: how many of the filled cells are such.
    `dates`, `numbers`: how many cells the best format reads.
    `untrimmed`: whether a cell has a line end, or a blank at its beginning or end.
    """

    name: str
    filled: int = 0
    samples: list[str] = []
    longest: int = 0
    words: dict[str, int] | None = {}
    left: dict[str, int] = {}
    emails: Readable = Readable()
    countries: Readable = Readable()
    dates: Formatted = Formatted()
    numbers: Formatted = Formatted()
    plain_numbers: int = 0
    iso_days: int = 0
    untrimmed: bool = False


class _Reader:
    """Counts the cells that a function accepts, until the column is clearly of another kind."""

    def __init__(self, accepts: Callable[[str], bool]) -> None:
        self._accepts = accepts
        self._count = self._tried = self._accepted = 0
        self._refused = ""
        self.hopeless = False

    def add_all(self, count: int) -> None:
        """Counts cells as accepted without reading them."""
        self._count += count
        self._tried += count
        self._accepted += count

    def add(self, cells: Iterable[tuple[str, int]]) -> None:
        for cell, count in cells:
            self._tried += 1
            if self._accepts(cell):
                self._accepted += 1
                self._count += count
            elif not self._refused:
                self._refused = cell
        self.hopeless = self._tried >= _TRIED and self._accepted < _HOPELESS * self._tried

    def result(self) -> Readable:
        return Readable(count=self._count, refused=cut(self._refused))


class _FormatReader:
    """Finds the format of a column of dates or numbers, until the column clearly has neither."""

    def __init__(self, kind: Kind) -> None:
        self._tally = FormatTally(kind)
        self._filled = self._tried = self._blank = 0
        self.hopeless = False

    def add(self, counts: Counter[str], text: str) -> None:
        """`text`: the cells as lines."""
        self._filled += counts.total()
        if _ISO_MOMENTS.fullmatch(text):  # every cell has the same formats as the first
            self._tally.add(next(iter(counts)), counts.total())
        else:
            for cell, count in counts.items():
                if vocabulary.is_blank(cell):
                    self._blank += count
                else:
                    self._tally.add(cell, count)
        self._tried += len(counts)
        if self._tried >= _TRIED and not self.hopeless:
            self.hopeless = self.result().count < _HOPELESS * self._filled

    def result(self) -> Formatted:
        decision = self._tally.decide()
        undecided = decision if isinstance(decision, Undecided) else None
        best = decision.first.format if isinstance(decision, Undecided) else decision
        count = self._tally.count(best)
        return Formatted(
            count=count and count + self._blank,
            refused=cut(self._tally.refused(best)),
            undecided=undecided if count else None,
        )


class ColumnSurvey:
    """`add` takes the cells of a column, block after block."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._counts: Counter[str] = Counter()  # cells whose facts are not read yet
        self._filled = self._longest = 0
        self._samples: dict[str, None] = {}
        self._words: Counter[str] | None = Counter()
        self._left: Counter[str] = Counter()
        self._may_leave = field_names.type_of(name) not in _NEVER_ABOUT_LEAVING
        self._untrimmed = False
        self._emails = _Reader(_is_email)
        self._countries = _Reader(functools.lru_cache(1_000)(_accepts(values.country_cell)))
        self._formats = {kind: _FormatReader(kind) for kind in _KINDS}
        self._numbers = _Reader(lambda cell: _PLAIN_NUMBER.fullmatch(cell) is not None)
        self._days = _Reader(lambda cell: _ISO_DAY.fullmatch(cell) is not None)

    def add(self, cells: Sequence[str]) -> None:
        settled = self._words is None and len(self._samples) == _SAMPLES
        if settled and self._add_settled(cells):
            return
        self._counts.update(cells)
        if len(self._counts) > _COUNTED or _longest(self._counts) > MAX_WORD:
            self._read_counts()

    def _add_settled(self, cells: Sequence[str]) -> bool:
        """Adds cells without counting the different ones, if they are plain emails, or texts that no reader
        accepts. Returns False otherwise. Most columns of many different cells are added in this way.
        """
        text = "\n".join(cells) + "\n"
        if self._has_edges(cells, text):
            return False
        plain_emails = not self._emails.hopeless and _are_plain_emails(text)
        longest = _longest(cells)
        if plain_emails and longest <= _EMAIL_CHARACTERS:
            self._emails.add_all(len(cells))
        elif any(not reader.hopeless for reader in self._readers(text)) or self._may_say_left(text):
            return False
        self._filled += len(cells) - cells.count("")
        self._longest = max(self._longest, longest)
        return True

    def _readers(self, text: str) -> "list[_Reader | _FormatReader]":
        """The readers for a text: without digits, not those of numbers and days."""
        of_digits = (self._numbers, self._days) if _DIGIT.search(text) else ()
        return [self._emails, self._countries, *self._formats.values(), *of_digits]

    def _read_counts(self) -> None:
        counts, self._counts = self._counts, Counter()
        del counts[""]
        text = "\n".join(counts) + "\n"
        if self._has_edges(counts, text):
            counts = self._trim(counts)
            text = "\n".join(counts) + "\n"
        if not counts:
            return
        self._filled += counts.total()
        self._longest = max(self._longest, _longest(counts))
        self._take_samples(counts)
        self._count_words(counts, text)
        self._read(counts, text)

    def facts(self) -> ColumnFacts:
        self._read_counts()
        return ColumnFacts(
            name=self.name,
            filled=self._filled,
            samples=list(self._samples),
            longest=self._longest,
            words=None if self._words is None else dict(self._words),
            left=dict(self._left),
            emails=self._emails.result(),
            countries=self._countries.result(),
            dates=self._formats["date"].result(),
            numbers=self._formats["number"].result(),
            plain_numbers=self._numbers.result().count,
            iso_days=self._days.result().count,
            untrimmed=self._untrimmed,
        )

    @staticmethod
    def _has_edges(counts: Collection[str], text: str) -> bool:
        """Whether a cell may have a line end, or a blank at its beginning or end. A formula guard does not count.

        `text`: the cells as lines.
        """
        if text.isascii():
            return (
                any(edge in text for edge in _ASCII_EDGES)
                or (" " in text and (text.startswith((" ", "' ")) or any(edge in text for edge in _BLANK_EDGES)))
                or (text.count("\n") > max(1, len(counts)))
            )
        return any(cell != cell.strip() or "\n" in cell or cell[:1] == "'" for cell in counts)

    def _trim(self, counts: Counter[str]) -> Counter[str]:
        """Without blank cells and blanks at the edges."""
        trimmed: Counter[str] = Counter()
        for cell, count in counts.items():
            if inner := cell.strip():
                trimmed[inner] += count
                plain = unguard(cell)
                self._untrimmed = self._untrimmed or plain.strip() != plain or "\n" in cell or "\r" in cell
        return trimmed

    def _take_samples(self, counts: Counter[str]) -> None:
        if len(self._samples) == _SAMPLES:
            return
        for cell in counts:
            self._samples[cut(cell)] = None
            if len(self._samples) == _SAMPLES:
                return

    def _count_words(self, counts: Counter[str], text: str) -> None:
        if self._words is None:
            self._count_left(counts, text)
        elif len(counts) > MAX_WORDS or any(len(cell) > MAX_WORD for cell in counts):
            self._give_up_words()
            self._count_left(counts, text)
        else:
            self._words.update(counts)
            if len(self._words) > MAX_WORDS:
                self._give_up_words()

    def _give_up_words(self) -> None:
        words, self._words = self._words or Counter(), None
        self._count_left(words, "\n".join(words))

    def _may_say_left(self, text: str) -> bool:
        """`text`: cells as lines."""
        return self._may_leave and not _ISO_MOMENTS.fullmatch(text) and leaving.may_say_left(text)

    def _count_left(self, counts: Counter[str], text: str) -> None:
        if not self._may_say_left(text):
            return
        for cell, count in counts.items():
            if leaving.cell_says_left(cell):
                key = cut(cell)
                if key in self._left or len(self._left) < MAX_LEFT:
                    self._left[key] += count

    def _read(self, counts: Counter[str], text: str) -> None:
        if not self._emails.hopeless:
            if self._longest <= _EMAIL_CHARACTERS and _are_plain_emails(text):
                self._emails.add_all(counts.total())
                return
            self._emails.add(counts.items())
        if not self._countries.hopeless:
            self._countries.add(counts.items())
        for format_reader in self._formats.values():
            if not format_reader.hopeless:
                format_reader.add(counts, text)
        if _DIGIT.search(text):
            for reader in (self._numbers, self._days):
                if not reader.hopeless:
                    reader.add(counts.items())


def _are_plain_emails(text: str) -> bool:
    """Whether all lines are plain emails. Usually it need not match the pattern against all characters."""
    if text.isascii():
        raw = text.encode()
        shape = raw.translate(_SHAPE)
        # Each mark, and each end of a line, is between letters or digits; so only the order of the marks is open.
        if shape[:1] == b"a" and b"--" not in shape:
            return _ADDRESS_MARKS.fullmatch(raw.translate(_MARKS, _LETTERS.encode())) is not None
    return _PLAIN_EMAILS.fullmatch(text) is not None


def _longest(cells: Collection[str]) -> int:
    return len(max(cells, key=len, default=""))


def _is_email(cell: str) -> bool:
    if len(cell) <= _EMAIL_CHARACTERS and _ONE_PLAIN_EMAIL.fullmatch(cell):
        return True  # most addresses; four times as fast as the rest
    return _accepts(values.email)(cell)


def cut(cell: str) -> str:
    return cell if len(cell) <= _MAX_SAMPLE else cell[: _MAX_SAMPLE - 1] + "…"


def _accepts(read: Callable[[str], object]) -> Callable[[str], bool]:
    def accepts(cell: str) -> bool:
        try:
            read(cell)
        except values.Refused:
            return False
        return True

    return accepts
