"""What a file proposes: the tool that wrote it, a mapping for each column, questions, and unreadable cells.

It is made of the facts that are stored with the upload, whenever the upload is read. So it knows the custom fields
that the workspace has now.
"""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from mailrith_lite.audience import custom_fields
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.database import Connection
from mailrith_lite.imports.mapping import Mapping
from mailrith_lite.imports.uploads.origin_questions import find_origin_questions
from mailrith_lite.imports.uploads.problems import Problem, find_problems
from mailrith_lite.imports.uploads.proposals import Proposals
from mailrith_lite.imports.uploads.questions import Answer, ImportPiece, Question, QuestionCode, find_questions
from mailrith_lite.imports.uploads.sources.known import find_source
from mailrith_lite.imports.uploads.survey import FileFacts
from mailrith_lite.imports.uploads.upload_table import Upload

__all__ = ["Analysis", "Answer", "ImportPiece", "Problem", "Question", "QuestionCode", "analyze", "select_analysis"]
_NO_REASON = "Nothing in its name or cells suggests a field."
_OPEN = "A question is about it."


class AnalyzedColumn(msgspec.Struct, frozen=True, kw_only=True):
    """`samples`: the first different cells, cut. `filled`: the number of cells that are not blank. `proposal`: the
    mapping to use; null leaves the column out. `reason`: why, in a sentence."""

    name: str
    samples: list[str]
    filled: int
    proposal: Mapping | None
    reason: str


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """`source`: the tool that wrote the file, if its header tells. `header_line`: null without a header."""

    source: str | None
    header_line: int | None
    delimiter: str
    encoding: str
    columns: list[AnalyzedColumn]
    questions: list[Question]
    problems: list[Problem]

    @property
    def proposals(self) -> list[Mapping]:
        """The proposed mappings, in the order of the columns."""
        return [column.proposal for column in self.columns if column.proposal is not None]


async def select_analysis(connection: Connection, upload: Upload) -> Analysis | None:
    """With the custom fields that the workspace has now. None for an upload without a file."""
    if upload.facts is None:
        return None
    fields = await custom_fields.select_all_custom_fields(connection, upload.workspace_id)
    files = upload.origin.files
    # an archive, a folder in it or the file can say who the people are
    file_name = "/".join(filter(None, (upload.file_name, files[0].name if files else None)))
    analysis = await asyncio.to_thread(
        analyze, upload.facts, fields, encoding=upload.encoding or "UTF-8", file_name=file_name
    )
    return msgspec.structs.replace(analysis, questions=[*find_origin_questions(upload.origin), *analysis.questions])


def analyze(facts: FileFacts, fields: Sequence[CustomField], *, encoding: str, file_name: str) -> Analysis:
    """`fields`: the custom fields of the workspace. Quick: the file has been read before."""
    source = find_source(column.name for column in facts.columns)
    proposals = Proposals(facts, fields, source)
    return Analysis(
        source=None if source is None else source.name,
        header_line=facts.header_line,
        delimiter=facts.delimiter,
        encoding=encoding,
        columns=list(_columns(facts, proposals)),
        questions=find_questions(facts, proposals, source, fields, file_name),
        problems=find_problems(facts, proposals, fields),
    )


def _columns(facts: FileFacts, proposals: Proposals) -> Iterable[AnalyzedColumn]:
    for column in facts.columns:
        proposal = proposals.by_column.get(column.name)
        is_open = column.name in proposals.status_columns
        yield AnalyzedColumn(
            name=column.name,
            samples=column.samples,
            filled=column.filled,
            proposal=None if proposal is None else proposal.mapping,
            reason=proposal.reason if proposal else _OPEN if is_open else _NO_REASON,
        )
