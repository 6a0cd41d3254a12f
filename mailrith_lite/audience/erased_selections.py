"""Erases what a finished export or bulk change still says about a deleted person: the texts of its filter."""

from collections.abc import Awaitable, Callable, Iterator

from msgspec.structs import replace

from mailrith_lite.audience import erasures
from mailrith_lite.audience.mentions import ERASED
from mailrith_lite.audience.selection import FieldTest, Selection
from mailrith_lite.database import Connection, Database
from mailrith_lite.unicode_forms import fold

SelectFinished = Callable[[Connection, int], Awaitable[dict[int, Selection]]]
UpdateSelection = Callable[[Connection, int, Selection], Awaitable[None]]


async def erase(
    database: Database, workspace_id: int, select_finished: SelectFinished, update: UpdateSelection
) -> None:
    """Replaces the texts in the filters of finished jobs that can say something about a deleted person.

    An unfinished job still needs its texts, so they stay. `select_finished` returns the integer id of each finished
    job of the workspace -> its selection. `update` changes the selection of a job.
    """
    async with database.read() as connection:
        finished = await select_finished(connection, workspace_id)
        erased = {
            job_id: await without_erased(connection, workspace_id, selection, job_id)
            for job_id, selection in finished.items()
        }
    changed = {job_id: selection for job_id, selection in erased.items() if selection != finished[job_id]}
    if changed:
        async with database.write(housekeeping=True) as connection:
            for job_id, selection in changed.items():
                await update(connection, job_id, selection)


async def without_erased(connection: Connection, workspace_id: int, selection: Selection, job_id: int) -> Selection:
    """The selection without what it can say about people who were deleted after this job was made.

    Nobody knows any more which values such a person had in custom fields, so all texts of `custom_fields` go. If a
    text has the name or address of such a person, the search and the email go too: two together can name a person.
    """
    texts = [*_texts(selection)]
    if not texts or not await erasures.select_any_since(connection, workspace_id, job_id):
        return selection
    selection = replace(
        selection, custom_fields=tuple(replace(test, value=_erased(test)) for test in selection.custom_fields)
    )
    for text in texts:
        if await erasures.select_searched(connection, workspace_id, fold(text.strip()), job_id):
            return replace(
                selection,
                search=None if selection.search is None else ERASED,
                email=None if selection.email is None else ERASED,
            )
    return selection


def _erased(test: FieldTest) -> str | int | float | bool | list[str] | None:
    return ERASED if isinstance(test.value, str | list) else test.value


def _texts(selection: Selection) -> Iterator[str]:
    for text in (selection.search, selection.email):
        if text is not None and text != ERASED:
            yield text
    for test in selection.custom_fields:
        texts = test.value if isinstance(test.value, list) else [test.value]
        yield from (text for text in texts if isinstance(text, str) and text != ERASED)
