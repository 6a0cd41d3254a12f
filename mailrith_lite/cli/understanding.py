"""Prints what the service understood of a file: its form, what each column becomes, and cells with problems."""

from collections.abc import Iterable, Mapping, Sequence

from mailrith_lite.cli.map_option import field_name
from mailrith_lite.cli.printing import one_line, print_note
from mailrith_lite.imports.mapping import Mapping as ColumnMapping
from mailrith_lite.imports.uploads.analysis import Analysis, Problem
from mailrith_lite.imports.uploads.sources.known import label_of
from mailrith_lite.imports.uploads.translations import describe, group_words

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}


def print_form(file_name: str, analysis: Analysis, row_count: int) -> None:
    """One line: rows, encoding, delimiter, header, and the tool that wrote the file."""
    rows = f"{row_count:,} {'row' if row_count == 1 else 'rows'}"
    delimiter = f"divided by {_DELIMITERS.get(analysis.delimiter, analysis.delimiter)}"
    header = "no header" if analysis.header_line is None else f"header in line {analysis.header_line}"
    form = ", ".join((rows, analysis.encoding, delimiter, header))
    tool = label_of(analysis.source)
    source = "" if tool is None else f"; it looks like an export of {tool}"
    print_note(f"{file_name}: {form}{source}")


def print_mappings(analysis: Analysis, mappings: Sequence[ColumnMapping], labels: Mapping[str, str]) -> None:
    """What each column becomes, and the columns that are left out. `labels`: of custom fields, by id."""
    width = max((len(one_line(mapping.csv_column)) for mapping in mappings), default=0)
    samples = {column.name: column.samples for column in analysis.columns}
    for mapping in mappings:
        meaning = _meaning(mapping, labels, samples.get(mapping.csv_column, []))
        print_note(f"  {one_line(mapping.csv_column):<{width}} = {one_line(meaning)}")
    mapped = {mapping.csv_column for mapping in mappings}
    if rest := [column.name for column in analysis.columns if column.name not in mapped]:
        print_note(f"Left out: {', '.join(rest)}")
        print_note("To keep a column: --map COLUMN=FIELD, or --map COLUMN=new:Text for a custom field.")


def print_problems(analysis: Analysis, problems: Iterable[Problem]) -> None:
    """One line for each column and reason."""
    filled = {column.name: column.filled for column in analysis.columns}
    for problem in problems:
        if problem.code == "missing_email":
            rows = "1 row has" if problem.count == 1 else f"{problem.count:,} rows have"
            print_note(f"{problem.column}: {rows} no email address")
            continue
        of = f" of {filled[problem.column]:,}" if problem.column in filled else ""
        noun = "cell" if filled.get(problem.column, problem.count) == 1 else "cells"
        text = f'{problem.column}: {problem.count:,}{of} {noun} cannot be read ({problem.code}): "{problem.sample}"'
        print_note(text)


def _meaning(mapping: ColumnMapping, labels: Mapping[str, str], samples: Sequence[str]) -> str:
    translation = [describe(group_words(mapping.values, samples))] if mapping.values else []
    details = [*([mapping.format] if mapping.format else []), *translation]
    return field_name(mapping.field, labels) + (f" ({', '.join(details)})" if details else "")
