"""Hypothesis strategies for requests to an audience: subscribers, filters, imports and definitions."""

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st
from model_audience import CHECKBOX, COUNTRIES, MEMBERSHIP_STATUSES, STATUSES, Audience, Field, text_of
from model_imports import MAPPED_TYPES, Import
from model_segments import EVENTS, REGIONS, as_list

TYPES = (
    "Text",
    "Text Area",
    "Number",
    "Date",
    "Checkbox",
    "Select (Dropdown)",
    "Single Select",
    "Multi Select",
)
OPTIONS = ("Red", "red", "Straße", "a, b", 'say "hi"', "İstanbul")
WORDS = (
    *("ada", "ADA", "Lovelace", "Straße", "STRASSE", "ss", "\u212a", "k", "K", "İ", "i", "ﬁ", "fi", "ς", "Σ"),
    *("é", "e\u0301", "*", '"', "'", "%", "_", "\\", "👩", "x" * 60, "a", "NEAR", "OR", "(", ":", "Достоевский"),
)
MATCH_OPERATORS = ["is", "is_not", "has_any_of", "has_none_of"]
EMPTY_OPERATORS = ["is_empty", "is_not_empty"]
TEXT_OPERATORS = ["contains", "does_not_contain"]
TIME_OPERATORS = ["before", "after", "on"]

words = st.sampled_from(WORDS)
texts = st.lists(words, min_size=1, max_size=3).map("".join)
spaced = st.lists(words, min_size=1, max_size=3).map(" ".join)
names = st.lists(words, min_size=1, max_size=3).map(" ".join)
emails = st.builds(
    "{}@{}".format,
    st.sampled_from(["ada", "bob", "zoë".replace("ë", "e"), "o'k", "x+y", "active", "kk"]),
    st.sampled_from(["example.com", "x.org"]),
)
statuses = st.sampled_from(STATUSES)
countries = st.sampled_from([name for names in COUNTRIES.values() for name in names])
numbers = st.one_of(
    st.integers(-5, 5),
    st.integers(-(10**15), 10**15),
    st.sampled_from([2**63 - 1, 2**63, -(2**63) - 1, 10**25, 0.5, -0.25, 1.5]),
    st.integers(-999_999, 999_999).map(lambda number: f"{number / 1000:.3f}"),
)  # fmt: skip
MAX_IDS = 3


def days(today: date) -> st.SearchStrategy[str]:
    near = st.integers(-40, 3).map(lambda distance: (today + timedelta(days=distance)).isoformat())
    return near | st.sampled_from(["0001-01-01", "1969-12-31", "9999-12-31"])


def values(field: Field, today: date) -> st.SearchStrategy[Any]:
    """Values of the custom field, none of them blank."""
    if field.type == "Multi Select":
        return st.lists(st.sampled_from(field.options), min_size=1, max_size=3)
    if field.options:
        return st.sampled_from(field.options)
    return {
        "Text": texts | spaced.map(lambda text: f"  {text} "),
        "Text Area": texts | spaced.map(lambda text: f" {text}\n{text} "),
        "Number": numbers,
        "Date": days(today),
        "Checkbox": st.booleans() | st.sampled_from([*CHECKBOX, "TRUE", "No"]),
    }[field.type]


@st.composite
def changes(draw: st.DrawFn, audience: Audience, today: date) -> dict[str, Any]:
    """Bodies of a PATCH. They can be empty."""
    fields = st.fixed_dictionaries(
        {}, optional={key: values(field, today) | st.just("") for key, field in audience.fields.items()}
    )
    past = st.integers(0, 120).map(lambda distance: (today - timedelta(days=distance)).isoformat())
    return draw(
        st.fixed_dictionaries(
            {},
            optional={
                "email": emails,
                "name": names | st.just(""),
                "country": countries | st.sampled_from([None, ""]),
                "subscribed_on": past,
                "custom_fields": fields,
            },
        )
    )


def some_ids(public_ids: Any) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(list(public_ids)), min_size=1, max_size=MAX_IDS)


@st.composite
def filters(draw: st.DrawFn, audience: Audience) -> dict[str, Any]:
    """Parameters of the list of subscribers, often several at once."""
    searches = [names, words, statuses.map(str.swapcase), emails]
    if audience.people:
        person = audience.people[draw(st.integers(0, len(audience.people) - 1))]
        name = person.name or "-"
        own = st.sampled_from([person.email, name, person.id, person.email.upper(), name.swapcase()])
        searches += [own, st.builds(part_of, own, st.integers(0, 9), st.integers(1, 9))]
    optional: dict[str, Any] = {
        "search": st.one_of(searches).map(lambda text: text[:254]).filter(str.strip),
        "email": emails.map(lambda email: f" {email.upper()} "),
        "status": statuses,
        "cold_only": st.just(True),
    }
    if audience.tags:
        optional["tag_ids"] = some_ids(audience.tags)
    if audience.sequences:
        optional["sequence_ids"] = some_ids(audience.sequences)
    chosen = draw(st.lists(st.sampled_from(sorted(optional)), max_size=3, unique=True))
    parameters = {name: draw(optional[name]) for name in chosen}
    if "tag_ids" in parameters:
        parameters["tag_operator"] = draw(st.sampled_from(["has_any_of", "has_none_of"]))
    if "sequence_ids" in parameters:
        parameters["sequence_operator"] = draw(st.sampled_from(sorted(MEMBERSHIP_STATUSES)))
    return parameters


@st.composite
def imports(draw: st.DrawFn, audience: Audience, today: date) -> Import:
    fields = list(audience.fields)
    columns = ["Email", *(column for column in [*list(MAPPED_TYPES)[1:], *fields] if draw(st.booleans()))]
    cells = {
        "Email": emails.map(str.swapcase)
        | st.integers(0, 400).map("bulk{}@example.com".format)
        | st.just("nobody"),
        "Name": names | st.just(""),
        "Country": countries | st.sampled_from(["", "Atlantis"]),
        "Status": statuses.map(str.upper) | st.sampled_from(["", "vip"]),
    }
    for key in fields:
        valid = values(audience.fields[key], today).map(cell)
        invalid = st.just("twelve" if audience.fields[key].type == "Number" else " ")
        cells[key] = st.one_of(valid, valid, valid, invalid)
    row = st.fixed_dictionaries({column: cells[column] for column in columns})
    rows = draw(st.lists(row, min_size=draw(st.integers(1, 10)), max_size=12))
    first, count = draw(st.integers(0, 300)), draw(st.sampled_from([0, 0, 0, 1, 40, 300]))
    bulk = [{**dict.fromkeys(columns, ""), "Email": f"bulk{first + number}@example.com"} for number in range(count)]
    return Import(
        rows=rows + bulk,
        columns=columns,
        tag_ids=draw(some_ids(audience.tags)) if audience.tags and draw(st.booleans()) else [],
        sequence_ids=draw(some_ids(audience.sequences)) if audience.sequences and draw(st.booleans()) else [],
        new_tag_name=draw(st.none() | tag_names),
    )


tag_names = st.sampled_from(["News", "NEWS", "Straße", "strasse", 'say "hi"', "a, b"])


def cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join('"' + item.replace('"', '""') + '"' for item in value)
    return str(value)


@st.composite
def definitions(draw: st.DrawFn, audience: Audience, today: date) -> dict[str, Any]:
    matches = st.sampled_from(["all", "any"])
    group = st.fixed_dictionaries(
        {
            "id": st.just("g"),
            "match": matches,
            "conditions": st.lists(conditions(audience, today), min_size=1, max_size=3),
        }
    )
    form = {"match": matches, "groups": st.lists(group, min_size=1, max_size=3)}
    return draw(conditions(audience, today).map(single) | st.fixed_dictionaries(form))


def single(condition: dict[str, Any]) -> dict[str, Any]:
    """A definition with one condition."""
    return {"match": "all", "groups": [{"id": "g", "match": "all", "conditions": [condition]}]}


@st.composite
def conditions(draw: st.DrawFn, audience: Audience, today: date) -> dict[str, Any]:
    pools: dict[str, Any] = {"tag": audience.tags, "sequence": audience.sequences, "segment": audience.segments}
    known = [kind for kind in pools if pools[kind]] + ["custom_field"] * (6 * bool(audience.fields))
    kind = draw(st.sampled_from(["subscriber_status", "country", "region", draw(st.sampled_from(EVENTS)), *known]))
    if kind == "custom_field":
        key = draw(st.sampled_from(list(audience.fields)))
        operator, value = draw(_field_condition(audience, key, today))
        return {"id": "c", "field": kind, "customFieldId": key, "operator": operator, "value": value}
    if kind in pools:
        operators, operands = MATCH_OPERATORS, some_ids(pools[kind])
    elif kind in EVENTS:
        operators, operands = MATCH_OPERATORS, st.sampled_from([True, "x", ["x", "y"], 1])
    elif kind == "region":
        operators, operands = ["in_region", "not_in_region"], st.lists(st.sampled_from(sorted(REGIONS)), min_size=1)
    else:
        operators, operands = (
            MATCH_OPERATORS,
            st.lists(countries if kind == "country" else statuses.map(str.lower), min_size=1),
        )
    if kind == "sequence":
        operators = sorted(MEMBERSHIP_STATUSES)
    elif kind in ("country", "tag", *EVENTS):
        operators = operators + EMPTY_OPERATORS
    operator, value = draw(st.sampled_from(operators)), draw(operands)
    if operator in EMPTY_OPERATORS:
        value = None
    elif isinstance(value, list) and draw(st.booleans()):
        value = value[0]
    return {"id": "c", "field": "country" if kind == "region" else kind, "operator": operator, "value": value}


@st.composite
def _field_condition(draw: st.DrawFn, audience: Audience, key: str, today: date) -> tuple[str, Any]:
    """(operator, value). The value is often one that somebody has."""
    field = audience.fields[key]
    extra = {"Number": ["greater_than", "less_than"], "Date": [*TIME_OPERATORS, "in_last_days"], "Checkbox": []}
    operators = (
        (MATCH_OPERATORS[:2] if field.type == "Checkbox" else MATCH_OPERATORS)
        + EMPTY_OPERATORS
        + extra.get(field.type, TEXT_OPERATORS)
    )
    operator = draw(st.sampled_from(operators))
    if operator in EMPTY_OPERATORS:
        return operator, None
    saved = [person.fields[key] for person in audience.people if key in person.fields]
    if operator == "in_last_days":
        ages = [(today - date.fromisoformat(day)).days for day in saved]
        near = [age + step for age in ages for step in (-1, 0, 1) if 1 <= age + step <= 36_500]
        return operator, draw(st.sampled_from([*near, "7", 36_500, 30.0]))
    if operator in TEXT_OPERATORS:
        parts = texts | spaced | words | st.sampled_from(OPTIONS)
        if saved:
            parts |= st.sampled_from([text for value in saved for text in as_list(value)])
        parts = st.builds(part_of, parts, st.integers(0, 3), st.integers(1, 9)) | parts
        return operator, draw(parts | st.lists(parts, min_size=1, max_size=3))
    operand = values(field, today)
    if saved:
        operand |= st.sampled_from(saved).map(lambda value: text_of(value) if field.type == "Number" else value)
    if operator in MATCH_OPERATORS and field.type != "Checkbox" and draw(st.booleans()):
        return operator, [cell(value) for value in draw(st.lists(operand, min_size=1, max_size=3))]
    return operator, draw(operand)


def part_of(text: str, begin: int, size: int) -> str:
    """A part of the text in swapped case; the whole text if the part is blank."""
    part = text[begin : begin + size].swapcase()
    return part if part.strip() else text
