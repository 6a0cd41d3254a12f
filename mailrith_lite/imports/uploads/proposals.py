"""Proposes a mapping for each column of a file: by the tool that wrote it, by the names, and by all the cells."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience import custom_fields
from mailrith_lite.audience.column_format import Format, Kind
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.export_columns import label_of_column
from mailrith_lite.audience.values import FieldType
from mailrith_lite.imports.fields import FIELDS, MappedType
from mailrith_lite.imports.mapping import MappedField, Mapping
from mailrith_lite.imports.uploads import field_names, status_columns
from mailrith_lite.imports.uploads.column_facts import ColumnFacts
from mailrith_lite.imports.uploads.sources.known import MAILRITH
from mailrith_lite.imports.uploads.sources.source import Meaning, Source, YesNo
from mailrith_lite.imports.uploads.status_columns import StatusColumn
from mailrith_lite.imports.uploads.survey import FileFacts
from mailrith_lite.unicode_forms import fold, letters_and_digits

_MOSTLY: Final = 0.5
"""The share of filled cells that a field must be able to read if the name of a column suggests it."""
_COUNTRIES: Final = 3
"""Different cells, all of them countries, that show a country: one "Georgia" or "Jordan" may be a person."""
_CHECKBOX_WORDS: Final = frozenset(["true", "false"])
_LAST_NAME_AS_NAME: Final = re.compile(r"vorname|voornaam")
"""Where the first name is called so, `Name` and `Naam` are the last name."""
_NAMED_TYPES: Final[tuple[MappedType, ...]] = (
    "first-name",
    "last-name",
    "name",
    "country",
    "tags",
    "sequences",
    "subscribed-at",
    "last-opened-at",
)


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    mapping: Mapping
    reason: str


class Proposals:
    """`by_column`: name -> proposal. `email_columns`: those that a person must choose from, the proposed one first;
    empty if the choice is clear. `status_columns`: name -> what the column says about consent."""

    def __init__(self, facts: FileFacts, fields: Sequence[CustomField], source: Source | None) -> None:
        """`fields`: the custom fields of the workspace."""
        self._facts = facts
        self._source = source
        self._fields = {fold(field.label): field for field in fields}
        self._used_fields: set[int] = set()
        self._types: set[MappedType] = set()
        self._quiet: set[str] = set()
        self.by_column: dict[str, Proposal] = {}
        self.email_columns: list[str] = []
        self.status_columns: dict[str, StatusColumn] = {}
        if source is MAILRITH:
            self._propose_own_export()
        else:
            if source is not None:
                self._propose_by_source(source)
            self._propose_email()
            self._find_statuses()
            self._propose_custom_fields()
            self._propose_statuses()
            self._propose_by_names()
            self._propose_by_cells()

    def _free(self) -> Iterable[ColumnFacts]:
        """The columns without a proposal about which the tool says nothing."""
        return [
            column
            for column in self._facts.columns
            if column.name not in self.by_column and column.name not in self._quiet
        ]

    def _propose(self, column: ColumnFacts, field: MappedField, reason: str, values: object = None) -> None:
        """`values`: a translation."""
        several = FIELDS[field.type].several
        if field.type in self._types and not several and not FIELDS[field.type].takes_custom_field:
            return
        self._types.add(field.type)
        translation = {str(word): status for word, status in values.items()} if isinstance(values, dict) else None
        mapping = Mapping(
            csv_column=column.name, field=field, values=translation or None, format=self._format(column, field)
        )
        self.by_column[column.name] = Proposal(mapping=mapping, reason=reason)

    def _format(self, column: ColumnFacts, field: MappedField) -> Format | None:
        """None: the column decides when it is imported."""
        known = self._source is not None and self._source.day_first
        return "day-first" if known and FIELDS[field.type].moment and column.dates.undecided else None

    def _propose_own_export(self) -> None:
        """The first column of a standard name is the standard field; every other column is a custom field."""
        standard = dict(MAILRITH.columns)
        for column in self._facts.columns:
            meaning = standard.pop(column.name, None)
            if isinstance(meaning, str):
                self._propose(column, MappedField(type=meaning), "An export of Mailrith has this column.")
                continue
            label = label_of_column(column.name)
            if field := self._fields.get(fold(label)):
                self._propose_custom_field(column, field)
            elif _can_be_label(label):
                new_type = field_type(column)
                new = MappedField(type="new-custom-field", label=label, custom_field_type=new_type)
                self._propose(column, new, "The export has this custom field, and the workspace does not.")

    def _propose_by_source(self, source: Source) -> None:
        by_key: dict[str, list[ColumnFacts]] = {}
        for column in self._facts.columns:
            by_key.setdefault(letters_and_digits(column.name), []).append(column)
        reason = f"{source.label} has this column."
        named = [(by_key.get(key, [])[:1], meaning) for key, meaning in source.meanings.items()]
        candidates = [(columns[0], meaning) for columns, meaning in named if columns]
        for column, meaning in sorted(candidates, key=lambda pair: not pair[0].filled):
            self._propose_meaning(column, meaning, reason)

    def _propose_meaning(self, column: ColumnFacts, meaning: Meaning, reason: str) -> None:
        if meaning is None:
            self._quiet.add(column.name)
        elif isinstance(meaning, str):
            self._propose(column, MappedField(type=meaning), reason)
        elif isinstance(meaning, YesNo) and status_columns.has_strange_words(column):
            self.status_columns[column.name] = status_columns.UNKNOWN_WORDS
        else:
            values = status_columns.by_source(meaning, column)
            self._propose(column, MappedField(type="subscriber-status"), reason, values)
            if isinstance(meaning, YesNo):
                blank = status_columns.blank_status(meaning, column, self._facts.row_count)
                self.status_columns[column.name] = StatusColumn(values=values, blank=blank, reason=reason)

    def _propose_email(self) -> None:
        """The column with addresses; of several the one with the best name, then the one with the most."""
        if "email" in self._types:
            return
        addresses = [
            column for column in self._free() if column.filled and _share(column.emails.count, column) >= _MOSTLY
        ]
        addresses.sort(key=lambda column: (_email_rank(column.name), -column.emails.count))
        if addresses:
            self._propose(addresses[0], MappedField(type="email"), "It has email addresses.")
            best = _email_rank(addresses[0].name)
            equal = [column.name for column in addresses if _email_rank(column.name) == best]
            self.email_columns = equal if len(equal) > 1 else []
            return
        named = [column for column in self._free() if field_names.type_of(column.name) == "email"]
        if named:
            best_named = min(named, key=lambda column: field_names.place_of(column.name))
            self._propose(best_named, MappedField(type="email"), "Its name says so.")

    def _propose_custom_fields(self) -> None:
        for column in self._free():
            field = self._fields.get(fold(column.name))
            if field is not None and field.id not in self._used_fields and not self._is_built_in(column):
                self._propose_custom_field(column, field)

    def _is_built_in(self, column: ColumnFacts) -> bool:
        """Whether the column has the label of a standard field, such as Name, which comes before a custom field."""
        label = letters_and_digits(column.name)
        return any(
            label in (letters_and_digits(field.label), letters_and_digits(field.type))
            for field in FIELDS.values()
            if field.type in ("name", "country", "subscriber-status")
        )

    def _propose_custom_field(self, column: ColumnFacts, field: CustomField) -> None:
        self._used_fields.add(field.id)
        public_id = ids.encode(ids.CUSTOM_FIELD, field.id)
        self._propose(column, MappedField.custom(public_id), "The workspace has a custom field of this name.")

    def _find_statuses(self) -> None:
        for column in self._free():
            status = status_columns.find_status(column, self._facts.row_count)
            if status is not None:
                self.status_columns[column.name] = status
        for column in self._facts.columns:
            if self._has_other_meaning(column) and (status := status_columns.find_left_cells(column)) is not None:
                self.status_columns[column.name] = status
        if self._source is not None:
            self._find_departures(self._source)

    def _has_other_meaning(self, column: ColumnFacts) -> bool:
        """Whether the tool writes tags in the column, or something that is not imported."""
        if column.name in self._quiet:
            return "subscriber-status" not in self._types
        proposal = self.by_column.get(column.name)
        return proposal is not None and proposal.mapping.field.type in ("tags", "sequences")

    def _find_departures(self, source: Source) -> None:
        """A column that only files of people who have left should have, filled for some of the people."""
        keys = {letters_and_digits(name): status for name, status in source.status_by.items()}
        for column in self._facts.columns:
            status = keys.get(letters_and_digits(column.name))
            if status is not None and 0 < column.filled < self._facts.row_count:
                self.status_columns[column.name] = status_columns.departure(status)

    def _propose_statuses(self) -> None:
        """A column about consent that has the label of a custom field is proposed for that, and is a question."""
        for column in self._facts.columns:
            status = self.status_columns.get(column.name)
            if status is None or status.open:
                continue
            proposal = self.by_column.get(column.name)
            if proposal is None:
                self._propose(column, MappedField(type="subscriber-status"), status.reason, status.values)
            elif proposal.mapping.field.type != "subscriber-status":
                self.status_columns[column.name] = msgspec.structs.replace(status, open=True, known=True)
        self._find_blank_statuses()
        self._close_details()

    def _find_blank_statuses(self) -> None:
        """A status column that calls some people Active and says nothing of the others."""
        for column in self._facts.columns:
            proposal = self.by_column.get(column.name)
            known = self.status_columns.get(column.name)
            if proposal is None or proposal.mapping.field.type != "subscriber-status" or (known and known.blank):
                continue
            values = proposal.mapping.values or {}
            if "yes" in values:  # of yes and no
                continue
            blank = status_columns.blank_beside_active(column, values, self._facts.row_count)
            if blank is not None:
                self.status_columns[column.name] = StatusColumn(
                    values=status_columns.statuses_of(column, values), blank=blank, reason=proposal.reason
                )

    def _close_details(self) -> None:
        """Closes questions about other columns if the status column has a status for each person.

        It answers the question of a column such as `Opt-in date`. It also answers that of `Unsubscribed at`, if it
        has at least as many people who have left.
        """
        deciding = [
            column
            for column in self._facts.columns
            if (proposal := self.by_column.get(column.name)) is not None
            and proposal.mapping.field.type == "subscriber-status"
            and None not in (proposal.mapping.values or {}).values()  # as of yes and no
            and column.filled == self._facts.row_count
        ]
        suppressed = max(map(status_columns.count_left, deciding), default=0)
        for column in self._facts.columns:
            status = self.status_columns.get(column.name)
            if status is None or not status.open:
                continue
            is_detail = status.blank is not None and deciding
            if is_detail or (status.left is not None and column.filled <= suppressed):
                del self.status_columns[column.name]

    def _propose_by_names(self) -> None:
        """The best name of each field, if the field can read most of the cells."""
        for mapped_type in _NAMED_TYPES:
            columns = [
                column
                for column in self._free()
                if self._type_of(column) == mapped_type
                and column.name not in self.status_columns
                and _fits(column, mapped_type)
            ]
            columns.sort(key=lambda column: (not column.filled, field_names.place_of(column.name)))
            if columns:
                self._propose(columns[0], MappedField(type=mapped_type), "Its name says so.")

    def _type_of(self, column: ColumnFacts) -> MappedType | None:
        named = field_names.type_of(column.name)
        if letters_and_digits(column.name) not in ("name", "naam"):
            return named
        with_first_name = any(_LAST_NAME_AS_NAME.search(fold(one.name)) for one in self._facts.columns)
        return "last-name" if with_first_name else named

    def _propose_by_cells(self) -> None:
        for column in self._free():
            all_countries = column.filled == column.countries.count and len(column.words or ()) >= _COUNTRIES
            if all_countries and field_names.type_of(column.name) is None:
                self._propose(column, MappedField(type="country"), "Its cells are countries.")


def field_type(column: ColumnFacts) -> FieldType:
    """The type of a custom field that keeps every cell of an export as it is."""
    if column.untrimmed:
        return "Text Area"
    if column.filled:
        if column.plain_numbers == column.filled:
            return "Number"
        if column.iso_days == column.filled:
            return "Date"
        if column.words and _CHECKBOX_WORDS.issuperset(column.words):
            return "Checkbox"
    return "Text"


def value_kind(mapping: Mapping, fields: Sequence[CustomField]) -> Kind | None:
    """Whether the mapped field takes dates or numbers, which have formats. `fields`: of the workspace."""
    if FIELDS[mapping.field.type].moment:
        return "date"
    types = {ids.encode(ids.CUSTOM_FIELD, field.id): field.type for field in fields}
    field_type = mapping.field.custom_field_type or types.get(mapping.field.custom_field_id or "")
    kinds: dict[FieldType | None, Kind] = {"Date": "date", "Number": "number"}
    return kinds.get(field_type)


def _can_be_label(label: str) -> bool:
    try:
        return custom_fields.clean_label(label) == label
    except errors.InvalidRequest:
        return False


def _share(count: int, column: ColumnFacts) -> float:
    return count / column.filled


def _email_rank(name: str) -> int:
    """0 for a name such as `Email`, 1 for one such as `Work email`, 2 for another."""
    if field_names.type_of(name) == "email":
        return 0
    return 1 if "mail" in fold(name) else 2


def _fits(column: ColumnFacts, mapped_type: MappedType) -> bool:
    """Whether the field can read most of the filled cells, or none is filled."""
    checks: dict[MappedType, Callable[[], bool]] = {
        "country": lambda: _share(column.countries.count, column) >= _MOSTLY,
    }
    return not column.filled or mapped_type not in checks or checks[mapped_type]()
