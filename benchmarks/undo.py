"""What the possibility of an undo costs an import, and how long an undo takes compared with its import."""

import statistics
import tempfile
from pathlib import Path

import msgspec

from benchmarks import rows
from benchmarks.result import print_result
from benchmarks.service import serving
from benchmarks.speed import ROUNDS, ROWS, field_ids


class _Seconds(msgspec.Struct, frozen=True, kw_only=True):
    """`new`: an import that creates everybody. `undo`: of this import. `known`: one that changes everybody."""

    new: float
    undo: float
    known: float


def measure() -> None:
    pairs = [(_run("30d"), _run("0")) for _ in range(ROUNDS)]
    details = f"{ROWS:,} rows, {ROUNDS} rounds"
    for what, ratios, limit in (
        ("import of new people", [on.new / off.new for on, off in pairs], 1.05),
        ("import of known people", [on.known / off.known for on, off in pairs], 1.15),
    ):
        print_result(
            what, statistics.median(ratios), "times one that cannot be undone", limit=limit, details=details
        )
    undone = statistics.median(on.undo / on.new for on, _ in pairs)
    print_result("undo of created people", undone, "times their import", limit=1, details=details)


def _run(ttl: str) -> _Seconds:
    """`ttl`: the setting `undo_ttl`."""
    text = rows.csv_text(ROWS)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data", undo_ttl=ttl) as service:
        ids = field_ids(service)
        new, job = service.run_job("import", rows.import_body(text, ids))
        assert job["progress"]["created_count"] == ROWS
        undo = 0.0
        if job["undo"]["status"] == "available":
            undo, undone = service.follow(f"{job['self']}/undo", b"{}")
            assert undone["progress"]["deleted_count"] == ROWS
            service.run_job("import", rows.import_body(text, ids))
        known, job = service.run_job("import", rows.import_body(text.replace("Reader Number", "Renamed"), ids))
        assert job["progress"]["updated_count"] == ROWS
        return _Seconds(new=new, undo=undo, known=known)
