"""A process of its own reads the rows of a large file exactly as the service does."""

import os
import resource
from decimal import Decimal
from pathlib import Path

import pytest

from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import FieldType
from mailrith_lite.imports import batches, own_process
from mailrith_lite.imports.batches import MAX_CHUNK_ROWS, open_source
from mailrith_lite.imports.mapping import Column
from mailrith_lite.imports.options import ImportOptions
from mailrith_lite.imports.records import Layout
from mailrith_lite.imports.row_task import RowTask
from mailrith_lite.imports.rows import Row

FIELDS: dict[str, FieldType] = {"Number": "Number", "Choices": "Multi Select", "Consent": "Checkbox"}
NAMES = ["Email", "Name", "Status", "Subscribed", "Tags", *FIELDS]
ROWS = [
    'ada@x.com,"Ä, ""x""",Active,2026-02-03,"a, b",123456789012345678901234567890,"Red, Blue",yes',
    "bob@x.com,'=1,Bounced,2026-02-03,c,0.10000000000000000000000000000001,Red,no",
    "eve@x.com,,Unsubscribed,1900-01-01,,-1e-7,Green,maybe",
    "not an address,,,,,,,",
    "a@x.com,too,many,cells,,,,,,",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([",".join(NAMES), *ROWS]), encoding="utf-8")
    return path


def row_task(*, leave_out: bool = True) -> RowTask:
    fields = [
        CustomField(id=number, label=label, type=kind, options=["Red", "Blue"], created_at=1, updated_at=1)
        for number, (label, kind) in enumerate(FIELDS.items(), 1)
    ]
    types = ("email", "name", "subscriber-status", "subscribed-at", "tags")
    columns = [Column(index=index, name=NAMES[index], type=kind) for index, kind in enumerate(types)]
    columns += [
        Column(index=len(types) + index, name=field.label, type="custom-field", custom_field_id=field.id)
        for index, field in enumerate(fields)
    ]
    return RowTask(
        layout=Layout(delimiter=",", header_line=1, names=NAMES),
        columns=columns,
        fields=fields,
        formula_guard=True,
        time_zone="Europe/Berlin",
        now=1_790_000_000_000,
        options=ImportOptions(invalid_cells="leave_out" if leave_out else None),
    )


async def read_rows(path: Path, task: RowTask, skip: int = 0) -> list[list[Row]]:
    read = []
    async with open_source(path) as source, source.batches(task, skip=skip, check=lambda: None) as opened:
        while batch := await opened.next():
            read.append(batch)
    return read


@pytest.mark.slow
@pytest.mark.parametrize("leave_out", [True, False])
@pytest.mark.parametrize("skip", [0, 2])
async def test_a_process_reads_the_same_rows(
    path: Path, monkeypatch: pytest.MonkeyPatch, skip: int, leave_out: bool
) -> None:
    task = row_task(leave_out=leave_out)
    here = await read_rows(path, task, skip)
    monkeypatch.setattr(own_process, "LARGE_IMPORT", 0)
    read = await read_rows(path, task, skip)
    assert repr(read) == repr(here)  # with the types of numbers: 1 equals Decimal(1)
    assert len(here[0]) == len(ROWS) - skip


@pytest.mark.slow
async def test_numbers_keep_all_digits_between_the_processes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_process, "LARGE_IMPORT", 0)
    (batch,) = await read_rows(path, row_task())
    numbers = [row.change.custom_fields.get("1") for row in batch[:3] if row.change is not None]
    assert numbers == [
        123456789012345678901234567890,
        Decimal("0.10000000000000000000000000000001"),
        Decimal("-0.0000001"),
    ]


@pytest.mark.slow
async def test_batches_of_a_process_end_where_those_of_the_service_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = 2 * MAX_CHUNK_ROWS + 1
    path.write_text(",".join(NAMES) + "\n" + "".join(f"{n}@x.com,,,,,,,\n" for n in range(many)), encoding="utf-8")
    monkeypatch.setattr(own_process, "LARGE_IMPORT", 0)
    read = await read_rows(path, row_task())
    assert [len(batch) for batch in read] == [MAX_CHUNK_ROWS, MAX_CHUNK_ROWS, 1]
    assert [row.line for batch in read for row in batch] == list(range(2, many + 2))


@pytest.mark.slow
async def test_a_process_that_fails_is_not_the_end_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_process, "LARGE_IMPORT", 0)
    with pytest.raises(RuntimeError, match="before the end of the file"):
        await read_rows(tmp_path, row_task())  # a directory


def test_a_text_that_ends_in_the_middle_of_a_batch_is_not_the_end_of_the_file(tmp_path: Path) -> None:
    for text in (b"", b"\0\0", b"\0\0\0\5ab", b"\0\0\0\2[]"):
        (tmp_path / "printed").write_bytes(text)
        with (tmp_path / "printed").open("rb") as output, pytest.raises(RuntimeError, match="before the end"):
            list(batches._printed_batches(output))


async def test_pipes_are_closed_if_descriptors_run_out_between_them() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = descriptors()
    free = [number for number in range(limits[0]) if number not in before]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[2] + 1, limits[1]))  # room for one pipe
    try:
        with pytest.raises(OSError, match="Too many open files"):
            async with own_process.stream_module("mailrith_lite.imports.batches"):
                pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert descriptors() == before


def descriptors() -> set[int]:
    return {number for number in range(4_096) if is_open(number)}


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
