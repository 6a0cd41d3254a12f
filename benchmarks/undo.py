"""What the possibility of an undo costs an import, and how long an undo takes compared with its import."""

import statistics
import tempfile
from pathlib import Path

import msgspec

from benchmarks import rows
from benchmarks.result import print_result
from benchmarks.service import serving
from benchmarks.speed import ROUNDS, ROWS, field_ids

_MILLION = 1_000_000
_MAX_BODY_BYTES = str(256 << 20)


class _Imports(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. `new`: of an import that creates everybody. `known`: of one that changes everybody."""

    new: float
    known: float


def measure() -> None:
    text = rows.csv_text(ROWS)
    pairs = [(_import_twice(text, "30d"), _import_twice(text, "0")) for _ in range(ROUNDS)]
    details = f"{ROWS:,} rows, {ROUNDS} rounds"
    for what, ratios, limit in (
        ("import of new people", [on.new / off.new for on, off in pairs], 1.05),
        ("import of known people", [on.known / off.known for on, off in pairs], 1.15),
    ):
        print_result(
            what, statistics.median(ratios), "times one that cannot be undone", limit=limit, details=details
        )
    undone = statistics.median(_import_and_undo(text) for _ in range(ROUNDS))
    print_result("undo of created people", undone, "times their import", limit=1, details=details)
    undone = _import_and_undo(rows.csv_text(_MILLION))
    print_result("undo of a million created people", undone, "times their import", limit=1, details="one round")


def _import_twice(text: str, ttl: str) -> _Imports:
    """`ttl`: the setting `undo_ttl`."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data", undo_ttl=ttl) as service:
        ids = field_ids(service)
        new, job = service.run_job("import", rows.import_body(text, ids))
        assert job["progress"]["created_count"] == ROWS
        known, job = service.run_job("import", rows.import_body(text.replace("Reader Number", "Renamed"), ids))
        assert job["progress"]["updated_count"] == ROWS
        return _Imports(new=new, known=known)


def _import_and_undo(text: str) -> float:
    """The time of the undo in times of the import. In a service of its own, which erases the people afterwards."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "data", max_body_bytes=_MAX_BODY_BYTES) as service,
    ):
        new, job = service.run_job("import", rows.import_body(text, field_ids(service)))
        undo, undone = service.follow(f"{job['self']}/undo", b"{}")
        assert undone["progress"]["deleted_count"] == job["progress"]["created_count"]
        return undo / new
