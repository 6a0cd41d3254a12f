"""The list of test files that `make test-fast` leaves out."""

from pathlib import Path

import pytest
from fast_selection import SLOW_FILES


@pytest.mark.parametrize("pattern", SLOW_FILES)
def test_every_pattern_of_the_slow_files_matches_a_file(pattern: str) -> None:
    assert list(Path(__file__).parent.glob(pattern))
