"""The column names that `--map` can name."""

from mailrith_lite.cli import map_option


def test_column_names_are_read_by_the_rules_of_the_service() -> None:
    assert map_option.column_names("'=Email; customer  since ;CC\nada@example.com;;DE\n") == [
        "=Email",
        "customer  since",
        "CC",
    ]
