"""What `make test-fast` leaves out."""

from pathlib import Path

import pytest
from fast_selection import SLOW_FILES, fast_items


@pytest.mark.parametrize("pattern", SLOW_FILES)
def test_every_pattern_of_the_slow_files_matches_a_file(pattern: str) -> None:
    assert list(Path(__file__).parent.glob(pattern))


TABLE = """
import pytest

@pytest.mark.parametrize("number", range(11))
def test_case(number): ...

@pytest.mark.slow
def test_slow(): ...

def test_quick(): ...
"""


@pytest.mark.slow
def test_fast_run_has_two_cases_of_a_table_and_no_slow_test(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmarkers = slow\nasyncio_default_fixture_loop_scope = function")
    items = pytester.getitems(TABLE)
    names = [item.name for item in items if item in fast_items(items)]
    assert names == [*(f"test_case[{number}]" for number in (0, 10)), "test_quick"]
