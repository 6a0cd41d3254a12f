"""Guessing the mappings of a file."""

from collections.abc import Mapping, Sequence

import pytest

from mailrith_lite.imports.uploads.analysis import guess

LABELS = {"Company": "Company", "Customer since": "Customer since", "Given name": "Given name"}


def guessed(columns: Sequence[str], cells: Mapping[str, Sequence[str]] | None = None) -> str:
    mappings = guess(columns, LABELS, cells)
    return " ".join(f"{one.csv_column}={one.field.custom_field_id or one.field.type}" for one in mappings)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Email,Name,Country,Status", "Email=email Name=name Country=country Status=subscriber-status"),
        ("E-MAIL,e_mail,Full Name", "E-MAIL=email Full Name=name"),
        ("Name,Full Name,First Name,Email Address", "Name=name First Name=first-name Email Address=email"),
        ("First Name,Last Name,email address", "First Name=first-name Last Name=last-name email address=email"),
        (
            "Last Name,First Name,Full Name,e-mail",
            "Last Name=last-name First Name=first-name Full Name=name e-mail=email",
        ),
        ("CC,Mail,Subscription Status", "CC=country Mail=email Subscription Status=subscriber-status"),
        ("Country Code,Country,Email", "Country=country Email=email"),
        ("email,COMPANY,customer  since", "email=email COMPANY=Company customer  since=Customer since"),
        ("email,First Name,cc,Last Name", "email=email First Name=first-name cc=country Last Name=last-name"),
        ("email,Given Name,Mail", "email=email Given Name=Given name"),
        ("Email,Email,Mail", "Mail=email"),
        ("Name,Comment", "Name=name"),
        ("=Email,email", "email=email"),
    ],
)
def test_the_header_suggests_the_mappings(header: str, expected: str) -> None:
    assert guessed(header.split(",")) == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"Contact": ["ada@example.com", "", "b@example.org"]}, "Contact=email"),
        ({"Contact": ["ada@example.com", "b at example.org"]}, "Contact=email"),
        ({"Contact": ["ada@example.com", "b", "c"]}, ""),
        ({"Where": ["DE", "Kenya", "Atlantis"]}, ""),
        ({"Email": ["yes", "no"], "Contact": ["ada@example.com"]}, "Contact=email"),
        ({"Email": ["ada@example.com", "b at example.org"], "Other": ["c@example.net"]}, "Email=email"),
        ({"Email": ["", " "], "Other": ["x"]}, "Email=email"),
        ({"Email": ["yes"], "Name": ["Ada"]}, "Name=name"),
        ({"Status": ["married", "single"], "State": ["Active", "bounced"]}, "State=subscriber-status"),
        ({"Where": ["DE", "Kenya", "gbr"]}, "Where=country"),
        ({"First": ["Jordan", "Georgia"]}, ""),
        ({"Note": ["ada@example.com and others"]}, ""),
    ],
)
def test_cells_can_show_a_field_and_can_rule_out_the_name_of_a_column(
    cells: dict[str, list[str]], expected: str
) -> None:
    assert guessed(list(cells), cells) == expected


def test_a_column_whose_name_is_there_twice_is_never_mapped() -> None:
    assert guessed(["A", "A", "B"], {"A": ["ada@example.com"], "B": ["c@example.com"]}) == "B=email"
