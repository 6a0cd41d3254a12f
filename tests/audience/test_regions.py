"""The regions of the world: every country is in exactly one part of each way to divide it."""

import pycountry
import pytest

from mailrith_lite.audience.segments import regions

ALL = frozenset(entry.alpha_2 for entry in pycountry.countries)
CONTINENTS = ("Africa", "Americas", "Asia", "Europe", "Oceania", "Antarctica")
PARTS = tuple(name for name in regions.NAMES if name not in regions._WHOLES)


def countries(name: str) -> frozenset[str]:
    found = regions.countries(name)
    assert found is not None
    return found


def test_the_world_is_every_country_of_iso_3166() -> None:
    assert len(ALL) == 249
    assert countries("World") == ALL


@pytest.mark.parametrize("names", [PARTS, CONTINENTS], ids=["parts", "continents"])
def test_every_country_is_in_exactly_one_of_them(names: tuple[str, ...]) -> None:
    codes = [code for name in names for code in countries(name)]
    assert sorted(codes) == sorted(ALL)


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ("Africa", ("Northern Africa", "Sub-Saharan Africa")),
        ("Sub-Saharan Africa", ("Eastern Africa", "Middle Africa", "Southern Africa", "Western Africa")),
        ("Americas", ("Latin America and the Caribbean", "Northern America")),
        ("Americas", ("North America", "South America")),
        ("Latin America and the Caribbean", ("Caribbean", "Central America", "South America")),
        ("North America", ("Caribbean", "Central America", "Northern America")),
        ("Asia", ("Central Asia", "Eastern Asia", "South-eastern Asia", "Southern Asia", "Western Asia")),
        ("Europe", ("Eastern Europe", "Northern Europe", "Southern Europe", "Western Europe")),
        ("Oceania", ("Australia and New Zealand", "Melanesia", "Micronesia", "Polynesia")),
    ],
)
def test_a_whole_is_its_parts_and_they_have_nothing_in_common(whole: str, parts: tuple[str, ...]) -> None:
    assert sorted(code for part in parts for code in countries(part)) == sorted(countries(whole))


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("DE", ["Western Europe", "Europe"]),
        ("GB", ["Northern Europe", "Europe"]),
        ("CY", ["Western Asia", "Asia"]),
        ("TR", ["Western Asia", "Asia"]),
        ("RU", ["Eastern Europe", "Europe"]),
        ("KZ", ["Central Asia", "Asia"]),
        ("EG", ["Northern Africa", "Africa"]),
        ("SD", ["Northern Africa", "Africa"]),
        ("US", ["Northern America", "North America", "Americas"]),
        ("MX", ["Central America", "North America", "Latin America and the Caribbean", "Americas"]),
        ("PR", ["Caribbean", "North America", "Latin America and the Caribbean", "Americas"]),
        ("BR", ["South America", "Latin America and the Caribbean", "Americas"]),
        ("TW", ["Eastern Asia", "Asia"]),
        ("IR", ["Southern Asia", "Asia"]),
        ("ID", ["South-eastern Asia", "Asia"]),
        ("NZ", ["Australia and New Zealand", "Oceania"]),
        ("UM", ["Micronesia", "Oceania"]),
        ("AQ", ["Antarctica"]),
        ("ZA", ["Southern Africa", "Sub-Saharan Africa", "Africa"]),
        ("XK", None),
    ],
)
def test_a_country_is_where_m49_puts_it(code: str, names: list[str] | None) -> None:
    found = {name for name in regions.NAMES if code in countries(name)}
    assert found == (set() if names is None else {*names, "World"})


@pytest.mark.parametrize("name", regions.NAMES)
def test_a_name_is_known_in_any_case(name: str) -> None:
    assert countries(f" {name.upper()}\n") == countries(name.lower()) == countries(name)
    assert countries(name)


@pytest.mark.parametrize("name", ["", " ", "DE", "Germany", "Middle East", "Western  Europe", "EU", "world\0"])
def test_what_is_no_region_is_none(name: str) -> None:
    assert regions.countries(name) is None


def test_every_name_is_there_once() -> None:
    assert len({name.casefold() for name in regions.NAMES}) == len(regions.NAMES) == 32
