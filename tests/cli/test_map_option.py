"""The columns of a file that the command line is given."""

from mailrith_lite.cli import map_option


def test_columns_are_found_by_the_services_own_rules() -> None:
    assert map_option.column_names("'=Email; customer  since ;CC\nada@example.com;;DE\n") == [
        "=Email",
        "customer  since",
        "CC",
    ]
