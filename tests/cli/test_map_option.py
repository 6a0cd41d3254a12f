"""What `--map` means."""

import pytest

from mailrith_lite import ids
from mailrith_lite.cli.map_option import MapOption, parse_map
from mailrith_lite.errors import StartError
from mailrith_lite.imports.mapping import MappedField, Mapping

COLUMNS = ("E-Mail", "Joined on", "a=b", "Plan:")
COMPANY = ids.encode(ids.CUSTOM_FIELD, 7)
NOTE = ids.encode(ids.CUSTOM_FIELD, 8)
LABELS = {COMPANY: "Company", NOTE: "Note: iso"}


def new(label: str, field_type: str) -> MappedField:
    return MappedField(type="new-custom-field", label=label, custom_field_type=field_type)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        ("E-Mail=email", Mapping(csv_column="E-Mail", field=MappedField(type="email"))),
        ("e-mail = Email", Mapping(csv_column="E-Mail", field=MappedField(type="email"))),
        ("Plan=first name", Mapping(csv_column="Plan:", field=MappedField(type="first-name"))),
        ("Plan=last-name", Mapping(csv_column="Plan:", field=MappedField(type="last-name"))),
        ("Plan=tags", Mapping(csv_column="Plan:", field=MappedField(type="tags"))),
        ("a=b=company", Mapping(csv_column="a=b", field=MappedField.custom(COMPANY))),
        (f"a=b={COMPANY}", Mapping(csv_column="a=b", field=MappedField.custom(COMPANY))),
        ("Plan=note: iso", Mapping(csv_column="Plan:", field=MappedField.custom(NOTE))),
        (
            "Joined on=subscribed at:day-first",
            Mapping(csv_column="Joined on", field=MappedField(type="subscribed-at"), format="day-first"),
        ),
        (
            "Joined on=Company:comma",
            Mapping(csv_column="Joined on", field=MappedField.custom(COMPANY), format="comma"),
        ),
        ("Plan:=new:Text", Mapping(csv_column="Plan:", field=new("Plan:", "Text"))),
        ("Joined on=new:date", Mapping(csv_column="Joined on", field=new("Joined on", "Date"))),
        (
            "Joined on=new:Date:excel",
            Mapping(csv_column="Joined on", field=new("Joined on", "Date"), format="excel"),
        ),
    ],
)
def test_map_option_names_a_field_and_its_format(text: str, mapping: Mapping) -> None:
    assert parse_map(text, COLUMNS, LABELS) == MapOption(column=mapping.csv_column, mapping=mapping)


def test_map_option_without_a_field_leaves_the_column_out() -> None:
    assert parse_map("a=b=", COLUMNS, LABELS) == MapOption(column="a=b", mapping=None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("E-Mail", "--map takes COLUMN=FIELD, not E-Mail"),
        ("Mail=email", "the file has no column Mail; it has E-Mail, Joined on, a=b, Plan:"),
        ("E-Mail=emial", "there is no field emial; there are email, name, "),
        ("E-Mail=email:sideways", "there is no field email:sideways"),
        (
            "E-Mail=new:Dropdown",
            "new:Text, new:Text Area, new:Number, new:Date, new:Checkbox create a custom field",
        ),
    ],
)
def test_error_of_an_unknown_column_or_field_lists_those_that_exist(text: str, message: str) -> None:
    with pytest.raises(StartError) as refusal:
        parse_map(text, COLUMNS, LABELS)
    assert message in str(refusal.value)
