"""Which column of a file goes to which field, when nobody says."""

import pytest

from mailrith_lite.cli import guess


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Email,Name,Country,Status", "Email=email Name=name Country=country Status=subscriber-status"),
        ("E-MAIL;e_mail;Full Name", "E-MAIL=email Full Name=name"),
        ("Name,Full Name,First Name,Email Address", "Name=name Email Address=email"),
        ("First Name\tLast Name\temail address", "First Name=name email address=email"),
        ("Last Name|First Name|Full Name|e-mail", "Full Name=name e-mail=email"),
        ("CC,Mail,Subscription Status", "CC=country Mail=email Subscription Status=subscriber-status"),
        ("Country Code,Country,Email", "Country=country Email=email"),
        ("email,COMPANY, customer  since ", "email=email COMPANY=Company customer  since=Customer since"),
        ("email,First Name,cc,Last Name", "email=email First Name=name cc=country"),
        ("email,Given Name,Mail", "email=email Given Name=Given name"),
        ("Email,Email,Mail", "Mail=email"),
        ("Name,Comment", "Name=name"),
        ("'=Email,email", "email=email"),
    ],
)
def test_mapping_is_guessed_from_the_header(header: str, expected: str) -> None:
    labels = {"Company": "Company", "Customer since": "Customer since", "Given name": "Given name"}
    found = guess.guess(guess.column_names(header + "\n"), labels)
    told = [f"{one.csv_column}={one.field.custom_field_id or one.field.type}" for one in found]
    assert " ".join(told) == expected
