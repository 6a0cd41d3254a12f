"""The M49 regions: each division of the world has every country exactly once."""

import pycountry
import pytest

from mailrith_lite.audience.segments import regions

ALL = frozenset(entry.alpha_2 for entry in pycountry.countries)
CONTINENTS = ("Africa", "Americas", "Asia", "Europe", "Oceania", "Antarctica")
PARTS = tuple(name for name in regions.NAMES if name not in regions._WHOLES)


def countries(name: str) -> frozenset[str]:
    codes = regions.countries(name)
    assert codes is not None
    return codes


def test_world_has_every_country_of_iso_3166() -> None:
    assert len(ALL) == 249
    assert countries("World") == ALL


@pytest.mark.parametrize("names", [PARTS, CONTINENTS], ids=["parts", "continents"])
def test_every_country_is_in_exactly_one_region_of_a_division(names: tuple[str, ...]) -> None:
    codes = [code for name in names for code in countries(name)]
    assert sorted(codes) == sorted(ALL)


@pytest.mark.parametrize(
    ("region", "parts"),
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
def test_region_is_the_disjoint_union_of_its_parts(region: str, parts: tuple[str, ...]) -> None:
    assert sorted(code for part in parts for code in countries(part)) == sorted(countries(region))


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
def test_country_is_in_its_m49_regions(code: str, names: list[str] | None) -> None:
    containing = {name for name in regions.NAMES if code in countries(name)}
    assert containing == (set() if names is None else {*names, "World"})


@pytest.mark.parametrize("name", regions.NAMES)
def test_region_name_matches_ignoring_case(name: str) -> None:
    assert countries(f" {name.upper()}\n") == countries(name.lower()) == countries(name)
    assert countries(name)


@pytest.mark.parametrize("name", ["", " ", "DE", "Germany", "Middle East", "Western  Europe", "EU", "world\0"])
def test_unknown_region_name_gives_none(name: str) -> None:
    assert regions.countries(name) is None


def test_region_names_are_distinct() -> None:
    assert len({name.casefold() for name in regions.NAMES}) == len(regions.NAMES) == 32
