"""Countries by their codes and by the names that people use."""

import gettext
from pathlib import Path

import pycountry
import pytest

from mailrith_lite.audience import countries


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        (
            "DE",
            "DE, de, DEU, Germany, gErMaNy, Federal Republic of Germany, Deutschland, Allemagne, Niemcy",
        ),
        ("GB", "gb, GBR, UK, U.K., United Kingdom, Great Britain, England, Scotland, Wales, Northern Ireland"),
        ("GB", "Vereinigtes Königreich, Großbritannien, GROSSBRITANNIEN, Royaume-Uni, Reino Unido, Regno Unito"),
        (
            "US",
            "US, usa, U.S.A., United States, UNITED STATES OF AMERICA, États-Unis, etats unis",
        ),
        ("US", "Estados Unidos, Stati Uniti, Vereinigte Staaten, Verenigde Staten, EE.UU., アメリカ合衆国"),
        ("TR", "Turkey, Türkiye, TURKIYE, Türkei, Turquie, Turquía, Turchia, Turkije, Turcja"),
        ("RU", "Russia, Russian Federation, Russland, Russie, Rusia, Rússia, Rosja, Россия"),
        (
            "KR",
            "South Korea, Republic of Korea, Südkorea, Corée du Sud, Corea del Sur, 대한민국",
        ),
        ("KP", "North Korea, Nordkorea, Corée du Nord"),
        ("NL", "Netherlands, The Netherlands, Holland, Niederlande, Pays-Bas, Países Bajos, Nederland"),
        ("AE", "UAE, United Arab Emirates, Vereinigte Arabische Emirate"),
        ("VN", "Viet Nam, vietnam, Việt Nam"),
        ("CZ", "Czech Republic, Czechia, Tschechien"),
        ("CI", "Ivory Coast, Côte d'Ivoire, CÔTE D’IVOIRE, cote d'ivoire, Elfenbeinküste"),
        ("ES", "Spain, España, Espagne, Spanien, Hiszpania"),
        ("BR", "Brazil, Brasil, Brésil"),
        ("PY", "Paraguay, Paraguai"),
        ("TW", "Taiwan"),
        ("CD", "Democratic Republic of the Congo, DR Congo"),
        ("CG", "Congo, Republic of the Congo"),
        ("MK", "North Macedonia, Macedonia"),
        ("BA", "Bosnia & Herzegovina, Bosnia and Herzegovina"),
        ("AX", "åland islands, A\u030aland Islands"),
        ("JP", "日本"),
        ("IN", "भारत"),
        ("NA", "NA, Namibia"),
        ("NO", "NO, Norway, Norge, Norwegen"),
        ("GE", "Georgia"),
        ("NE", "Niger"),
        ("NG", "Nigeria"),
        ("DM", "Dominica"),
        ("DO", "Dominican Republic"),
    ],
)
def test_country_has_a_code_and_many_names(code: str, texts: str) -> None:
    for text in texts.split(", "):
        assert countries.find(text) == code, text


def test_every_code_and_name_of_iso_3166_is_a_country() -> None:
    for entry in pycountry.countries:
        for field in ("alpha_2", "alpha_3", "name", "official_name", "common_name"):
            if hasattr(entry, field):
                assert countries.find(getattr(entry, field)) == entry.alpha_2


@pytest.mark.parametrize("language", ["de", "fr", "es", "pt", "it", "nl", "pl", "ja", "ru", "tr"])
def test_every_translated_name_is_its_country_or_none(language: str) -> None:
    """None is for the few names that other languages use for another country."""
    path = Path(pycountry.LOCALES_DIR) / language / "LC_MESSAGES" / "iso3166-1.mo"
    with path.open("rb") as file:
        translate = gettext.GNUTranslations(file).gettext
    codes = {entry.alpha_2: countries.find(translate(entry.name)) for entry in pycountry.countries}
    assert {code: found for code, found in codes.items() if found not in (code, None)} == {}
    assert list(codes.values()).count(None) <= 2


@pytest.mark.parametrize(
    "text",
    ["", " ", "-", "N/A", "n.a.", "XX", "EU", "ZZZ", "276", "D", "Atlantis", "Europe", "x" * 9_999, "\u0300" * 100],
)
def test_other_text_is_no_country(text: str) -> None:
    assert countries.find(text) is None


@pytest.mark.parametrize("text", ["Korea", "Corea", "Virgin Islands", "Kongo", "Nijeri"])
def test_name_of_two_countries_is_no_country(text: str) -> None:
    assert countries.find(text) is None
