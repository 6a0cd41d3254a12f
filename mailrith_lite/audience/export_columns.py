"""The names of an export's columns: an import finds the custom field that a column was made from."""

from typing import Final

COLUMNS: Final = ("Email", "Name", "Status", "Country", "Subscribed At", "Last Opened At", "Tags", "Sequences")
"""The columns of every export. Those of the custom fields follow."""
REPORT_COLUMNS: Final = ("error_line", "error_column", "error_code", "error_message")
"""An error report has these after the columns of the file. An import of the report leaves them out."""
_RESERVED: Final = frozenset((*COLUMNS, *REPORT_COLUMNS))
_SECOND: Final = " (2)"


def column_of_label(label: str) -> str:
    """The column of a custom field: its label, or `Tags (2)` for the label `Tags`, a column of every export.

    `label_of_column` gives the label back: a field that is called `Tags (2)` gets the column `Tags (2) (2)`.
    """
    return label + _SECOND if _without_numbers(label) in _RESERVED else label


def label_of_column(column: str) -> str:
    return column.removesuffix(_SECOND) if _without_numbers(column) in _RESERVED else column


def _without_numbers(name: str) -> str:
    while name.endswith(_SECOND):
        name = name.removesuffix(_SECOND)
    return name
