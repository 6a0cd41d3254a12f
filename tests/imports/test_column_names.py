"""The names of columns, and what a mapping means by one."""

import pytest

from mailrith_lite.audience.export_columns import REPORT_COLUMNS
from mailrith_lite.imports import column_names
from mailrith_lite.imports.column_names import ColumnNames


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        ([" Email ", "'=x", "e\u0301"], ["Email", "=x", "\u00e9"]),
        (["Name", "Name", "Name"], ["Name", "Name (2)", "Name (3)"]),
        (["Name", "Name", "Name (2)"], ["Name", "Name (3)", "Name (2)"]),
        (["Name", "name"], ["Name", "name"]),
        (["a", "", " ", "b"], ["a", "Column 2", "Column 3", "b"]),
        (["", "Column 1"], ["Column 1 (2)", "Column 1"]),
        (["Email", *REPORT_COLUMNS, *REPORT_COLUMNS], ["Email", *REPORT_COLUMNS, *REPORT_COLUMNS]),
        (["error_line", *REPORT_COLUMNS], ["error_line", *REPORT_COLUMNS]),
    ],
)
def test_every_column_has_a_name_of_its_own(cells: list[str], names: list[str]) -> None:
    assert column_names.from_header(cells) == names


@pytest.mark.parametrize(
    ("names", "name", "positions"),
    [
        (["Email", "Name"], "Email", [0]),
        (["email:", "Name"], " EMAIL ", [0]),
        (["Email *"], "email", [0]),
        (["Email"], "E-Mail", []),
        (["EMAIL", "Email"], "Email", [1]),
        (["EMAIL", "Email"], "email", [0, 1]),
        (["Column 1"], "column 1", [0]),
        (["*"], "", []),
        (["x" * 300, "y" * 300], "y" * 200, [1]),
        (["x" * 300], "x" * 199, []),
    ],
)
def test_a_mapping_means_the_column_with_the_best_match(names: list[str], name: str, positions: list[int]) -> None:
    assert ColumnNames(names).find(name) == positions


def test_long_headers_are_shown_within_the_limits_of_the_contract() -> None:
    assert column_names.shown(["a"] * 300) == ["a"] * 250
    assert column_names.shown(["x" * 201, "y"]) == ["x" * 200, "y"]
    assert column_names.shown(["\u00e9" * 64] * 97) == ["\u00e9" * 64] * 96


def test_a_header_of_equal_names_is_named_in_linear_time() -> None:
    names = column_names.from_header(["x"] * 20_000)
    assert names[-1] == "x (20000)"
