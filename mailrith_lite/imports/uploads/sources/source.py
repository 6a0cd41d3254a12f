"""What is known about the files of a tool: the columns that identify it, and what each column becomes."""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.imports.fields import MappedType
from mailrith_lite.unicode_forms import letters_and_digits


class YesNo(msgspec.Struct, frozen=True, kw_only=True):
    """A column of yes and no that says something about the status. None: the answer leaves it to other columns."""

    yes: Status | None = None
    no: Status | None = None


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A column of words that are not in the vocabulary. `meanings`: a word, ignoring case -> its status; None
    leaves the status to other columns. The words of the vocabulary keep their meaning."""

    meanings: Mapping[str, Status | None]


Meaning = MappedType | YesNo | Words | None
"""What a column becomes. None: nothing, and it says nothing about consent."""

OPT_IN: Final = YesNo(no="Unsubscribed")
OPT_OUT: Final = YesNo(yes="Unsubscribed")
CONFIRMED: Final = YesNo(no="Unconfirmed")
BLOCKED: Final = YesNo(yes="Blocked")
BOUNCED: Final = YesNo(yes="Bounced")
COMPLAINED: Final = YesNo(yes="Complained")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: of the API. `label`: for people. `identified_by`: sets of column names; a file with all names of a
    set comes from the tool. `columns`: name -> what it becomes; of several that become the same, the first that has
    a filled cell. `status_by`: a column that only files of such people have -> their status. `day_first`: how the
    tool writes a date that could be read in two ways. Names are compared by letters and digits, ignoring case.
    """

    name: str
    label: str
    identified_by: tuple[tuple[str, ...], ...]
    columns: Mapping[str, Meaning]
    status_by: Mapping[str, Status] = {}
    day_first: bool = False

    def evidence(self, keys: Collection[str]) -> int:
        """The number of columns that identify the tool; 0 if the file does not come from it. `keys`: of the file's
        columns."""
        sets = ([letters_and_digits(name) for name in names] for names in self.identified_by)
        return max((len(names) for names in sets if all(name in keys for name in names)), default=0)

    @property
    def meanings(self) -> dict[str, Meaning]:
        """`columns` by the letters and digits of the names."""
        return {letters_and_digits(name): meaning for name, meaning in self.columns.items()}
