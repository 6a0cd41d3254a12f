"""/console/uploads?file=…: the files of an archive, imported in one go with a job each."""

from collections.abc import Sequence

import msgspec
from aiohttp import web
from yarl import URL

from mailrith_lite import errors
from mailrith_lite.console import column_view, form_problems, templating
from mailrith_lite.console.column_form import ColumnForm
from mailrith_lite.console.column_view import QuestionView
from mailrith_lite.console.columns import FILE_FIELD, UploadedFile, find_file, queue_form, start_form
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.paths import PATH, job_path, redirect
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.imports.uploads.sources.known import label_of
from mailrith_lite.imports.uploads.upload_store import Unpacked
from mailrith_lite.jobs.kinds import IMPORT
from mailrith_lite.jobs.queue import Job

MAX_FILES = 100


class _Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the archive with the form that its import uses. `prefix`: of its fields in the form of the page."""

    file: UploadedFile
    form: ColumnForm
    selected: bool

    @property
    def prefix(self) -> str:
        return f"{self.file.upload.public_id}-"


class FileView(msgspec.Struct, frozen=True, kw_only=True):
    """`job_path`: of the import that has taken the file. `columns`: what its columns become. `problems`: by the id
    of the element."""

    id: str
    name: str
    row_count: int
    source: str
    tool: str | None
    job_path: str | None
    columns: column_view.ColumnTable
    questions: list[QuestionView]
    selected: bool
    problems: Problems


def address_of(unpacked: Unpacked) -> str:
    """The address of the page for the files of an archive."""
    query = [("file", upload.public_id) for upload in unpacked.uploads]
    query += [("refused", name[:100]) for name in unpacked.refused]
    return str(URL.build(path=f"{PATH}/uploads", query=Fields(query)))


async def show_files(call: SessionRequest) -> web.StreamResponse:
    async with call.database.read() as connection:
        chosen = await _load(connection, call, None)
    return await _render(call, chosen, {})


async def start_imports(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """Starts an import of each selected file, after all of them have their answers."""
    async with call.database.read() as connection:
        chosen = await _load(connection, call, fields)
    selected = [one for one in chosen if one.selected and one.file.upload.import_job_id is None]
    if not selected:
        return await _render(call, chosen, {"": "Choose at least one file."})
    problems: Problems = {}
    for one in selected:
        if one.file.upload.source != fields.get(f"{one.prefix}{FILE_FIELD}"):
            problems[""] = "Another file has replaced one that you saw. Look at the files, then start again."
        problems |= _prefixed(one, form_problems.find_problems(one.form, one.file.analysis, one.file.custom_fields))
    if problems:
        return await _render(call, chosen, problems)
    return await _queue(call, chosen, selected)


async def _queue(
    call: SessionRequest, chosen: Sequence[_Chosen], selected: Sequence[_Chosen]
) -> web.StreamResponse:
    """What has been queued before a refusal stays queued, and the page shows it."""
    for one in selected:
        try:
            result = await queue_form(call, one.file, one.form)
        except (errors.Conflict, errors.NotFound):
            return redirect(call.request, call.request.rel_url.raw_path_qs)
        if not isinstance(result, Job):
            async with call.database.read() as connection:
                chosen = await _load(connection, call, None)
            return await _render(call, chosen, _prefixed(one, result))
    return redirect(call.request, PATH)


async def _load(connection: Connection, call: SessionRequest, fields: Fields | None) -> list[_Chosen]:
    """The files that the address names, without those that have expired. `fields`: None before the form is sent.

    Raises:
        NotFound: none of the files is there.
    """
    chosen: list[_Chosen] = []
    for public_id in call.request.query.getall("file", [])[:MAX_FILES]:
        try:
            file = await find_file(connection, call, public_id)
        except errors.NotFound:
            continue
        form = (await start_form(connection, call, file)).form
        if fields is not None:
            form = msgspec.structs.replace(form, answers=form.answers | _answers(fields, f"{public_id}-"))
        chosen.append(_Chosen(file=file, form=form, selected=fields is None or f"{public_id}-import" in fields))
    if not chosen:
        raise errors.NotFound(
            "There are no files at this address, or not any more; start a new import.",
            code="subscriber_import_upload_not_found",
        )
    return chosen


def _answers(fields: Fields, prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value for name, value in fields.items() if name.startswith(f"{prefix}answer-")
    }


def _prefixed(one: _Chosen, problems: Problems) -> Problems:
    """Problems by the element of this page: a problem that it cannot show is at the link to the page of the
    columns."""
    questions = {view.id for view in column_view.view_questions(one.file.analysis, one.form)}
    return {
        f"{one.prefix}{name}"
        if name in questions
        else f"{one.prefix}columns": f"{one.file.upload.file_name}: {text}"
        for name, text in problems.items()
    }


async def _render(call: SessionRequest, chosen: Sequence[_Chosen], problems: Problems) -> web.Response:
    return await templating.render_page(
        call.request,
        "files.html",
        status=400 if problems else 200,
        files=[_view(one, problems) for one in chosen],
        refused=call.request.query.getall("refused", [])[:MAX_FILES],
        problems=problems,
        file_field=FILE_FIELD,
        query=call.request.rel_url.raw_query_string,
    )


def _view(one: _Chosen, problems: Problems) -> FileView:
    upload, analysis = one.file.upload, one.file.analysis
    return FileView(
        id=upload.public_id,
        name=upload.file_name or "",
        row_count=upload.row_count or 0,
        source=upload.source or "",
        tool=label_of(analysis.source),
        job_path=None if upload.import_job_id is None else job_path(IMPORT, IMPORT.encode(upload.import_job_id)),
        columns=column_view.view_columns(analysis, one.form, one.file.custom_fields, {}),
        questions=[
            msgspec.structs.replace(view, id=f"{one.prefix}{view.id}")
            for view in column_view.view_questions(analysis, one.form)
        ],
        selected=one.selected,
        problems={name: text for name, text in problems.items() if name.startswith(one.prefix)},
    )
