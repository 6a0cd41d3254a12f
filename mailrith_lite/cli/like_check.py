"""Whether the mappings of an earlier import answer all questions of a file about consent."""

from collections.abc import Collection
from pathlib import Path

import msgspec

from mailrith_lite.audience.export_columns import REPORT_COLUMNS
from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.cli.input_files import InputFile
from mailrith_lite.cli.printing import one_line, print_text
from mailrith_lite.cli.remote_jobs import path_of
from mailrith_lite.errors import StartError
from mailrith_lite.imports.mapping import Mapping
from mailrith_lite.imports.options import ImportOptions
from mailrith_lite.imports.uploads.analysis import Analysis, Question
from mailrith_lite.imports.uploads.answers import CONSENT_QUESTIONS

_BEGINNING = 1 << 18
"""Bytes of a file that have the header of a report."""


class _Earlier(msgspec.Struct, frozen=True):
    mappings: list[Mapping]
    options: ImportOptions


async def check_like(
    client: ApiClient, file: InputFile, analysis: Analysis, *, like: str, status: str | None
) -> None:
    """A report has the columns of its import, so a person has answered already. Another file can have more.

    `like`: the id of the import. `status`: of the option.

    Raises:
        Unreachable, Refused
        StartError: a question about consent is open.
    """
    questions = [question for question in analysis.questions if question.code in CONSENT_QUESTIONS]
    columns = [mapping.csv_column for mapping in analysis.proposals if mapping.field.type == "subscriber-status"]
    if not (questions or columns) or _is_report(file.path):
        return
    earlier = await client.get(path_of(like), _Earlier)
    mapped = {mapping.csv_column for mapping in earlier.mappings}
    has_status = status is not None or earlier.options.status is not None
    texts = [question.text for question in questions if not _is_decided(question, mapped, has_status=has_status)]
    texts += [f"The column {name} says who may be written to." for name in columns if name not in mapped]
    for text in texts:
        print_text(f"{file.name}: {text}")
    if texts:
        raise StartError(
            one_line(
                f"nothing is imported: {like} does not answer this about {file.name}; import it without --like"
            )
        )


def _is_report(path: Path) -> bool:
    """Whether the file has the columns of a report, whatever their delimiter is."""
    with path.open("rb") as file:
        beginning = file.read(_BEGINNING)
    return all(name.encode() in beginning for name in REPORT_COLUMNS)


def _is_decided(question: Question, mapped: Collection[str], *, has_status: bool) -> bool:
    return has_status if question.code == "file_name_status" else question.column in mapped
