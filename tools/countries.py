"""Writes the names of countries into mailrith_lite/audience/countries.txt: `make countries`.

The names come from ISO 3166 with the translations of pycountry, from Unicode's CLDR by way of Babel, and from the
table of usual names below. Each line has an alpha-2 code, the alpha-3 code, and names without blanks, punctuation
and accents. A name that means two countries is left out, unless it is the English name of one of them.
"""

import contextlib
import gettext
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pycountry
from babel import Locale, UnknownLocaleError

from mailrith_lite.unicode_forms import letters_and_digits

TARGET: Final = Path(__file__).parents[1] / "mailrith_lite" / "audience" / "countries.txt"
ENGLISH_FIELDS: Final = ("name", "official_name", "common_name")
SHORTEST: Final = 3
"""A shorter name in Latin letters looks like a code."""
REVIEWED: Final = frozenset(["de", "es", "fr", "it", "ja", "nl", "pl", "pt", "pt_BR"])
"""In other languages a few translations of official names are those of another country."""
MAJORITY: Final = 3
"""So many times as many languages use a name for a country as for any other one."""

USUAL: Final = {
    "AE": "UAE, Emirates, VAE, EAU, Emirati Arabi",
    "BA": "Bosnia, Bosnia Herzegovina, Bosnien",
    "BO": "Bolivia",
    "BN": "Brunei",
    "BY": "Byelorussia, Weißrussland",
    "CD": "Democratic Republic of the Congo, Democratic Republic of Congo, DR Congo, DRC, Congo Kinshasa, Zaire",
    "CG": "Congo Brazzaville, Republic of Congo, Republic of the Congo",
    "CI": (
        "Ivory Coast, Elfenbeinküste, Costa de Marfil, Costa do Marfim, Costa d'Avorio, Ivoorkust, "
        "Wybrzeże Kości Słoniowej"
    ),
    "CV": "Cape Verde, Kapverden",
    "CZ": "Czech Republic, Tschechische Republik, Republika Czeska",
    "FK": "Falkland Islands, Falklands, Malvinas",
    "FM": "Micronesia",
    "GB": (
        "UK, Great Britain, Britain, England, Scotland, Wales, Northern Ireland, "
        "United Kingdom of Great Britain and Northern Ireland, Großbritannien, Schottland, Nordirland, "
        "Grande-Bretagne, Angleterre, Écosse, Pays de Galles, Gran Bretaña, Inglaterra, Escocia, Gales, "
        "Irlanda del Norte, Grã-Bretanha, Escócia, País de Gales, Gran Bretagna, Inghilterra, Scozia, Galles, "
        "Groot-Brittannië, Engeland, Schotland, Wielka Brytania, Anglia, Szkocja, Walia"
    ),
    "GM": "The Gambia",
    "HK": "Hong Kong, Hongkong",
    "IR": "Iran",
    "KP": (
        "North Korea, DPRK, Korea North, Nordkorea, Corée du Nord, Corea del Norte, Coreia do Norte, "
        "Corea del Nord, Noord-Korea"
    ),
    "KR": (
        "South Korea, Republic of Korea, Korea South, Südkorea, Suedkorea, Corée du Sud, Corea del Sur, "
        "Coreia do Sul, Corea del Sud, Zuid-Korea, Korea Południowa"
    ),
    "LA": "Laos",
    "MD": "Moldova, Moldawien, Moldau",
    "MK": "Macedonia, Mazedonien, FYROM",
    "MM": "Burma",
    "MO": "Macau, Macao",
    "NL": "Holland, The Netherlands, Hollande, Holanda, Olanda, Holandia, Niederlande",
    "PH": "The Philippines",
    "PS": "Palestine, Palestinian Territories",
    "RU": "Russia, Russland, Russie, Rusia, Rússia, Rusland, Rosja, Россия",
    "ST": "Sao Tome, Sao Tome and Principe",
    "SY": "Syria, Syrien, Syrie, Siria, Síria, Syrië",
    "SZ": "Swaziland",
    "TL": "East Timor",
    "TR": "Turkey, Türkei, Tuerkei, Turquie, Turquía, Turquia, Turchia, Turkije, Turcja, Türkiye",
    "TW": "Taiwan",
    "TZ": "Tanzania",
    "US": (
        "US, USA, United States of America, The United States, Vereinigte Staaten, "
        "Vereinigte Staaten von Amerika, États-Unis, Estados Unidos, EE UU, Stati Uniti, Verenigde Staten, "
        "Stany Zjednoczone, EUA"
    ),
    "VA": "Vatican, Vatican City, Holy See",
    "VE": "Venezuela",
    "VI": "US Virgin Islands",
    "VG": "British Virgin Islands",
    "VN": "Vietnam, Viet Nam",
}
AMBIGUOUS: Final = frozenset(map(letters_and_digits, ["Korea", "Corea", "Kongo", "Конго", "Virgin Islands"]))
"""Names that people use for two countries, whatever a source says."""


def english() -> Iterator[tuple[str, str]]:
    for entry in pycountry.countries:
        for field in ENGLISH_FIELDS:
            if hasattr(entry, field):
                yield entry.alpha_2, getattr(entry, field)
    for code, names in USUAL.items():
        for name in names.split(","):
            yield code, name


def translated() -> Iterator[tuple[str, str, str]]:
    """Language, code and name. CLDR adds usual names to the languages that pycountry has."""
    for path in sorted(Path(pycountry.LOCALES_DIR).glob("*/LC_MESSAGES/iso3166-1.mo")):
        language = path.parts[-3].partition("@")[0]
        with path.open("rb") as file:
            translate = gettext.GNUTranslations(file).gettext
        for entry in pycountry.countries:
            for field in ENGLISH_FIELDS if language in REVIEWED else ("name", "common_name"):
                if hasattr(entry, field):
                    yield language, entry.alpha_2, translate(getattr(entry, field))
        with contextlib.suppress(UnknownLocaleError):
            for code, name in Locale.parse(language).territories.items():
                yield language, code, name


def names_by_code() -> dict[str, list[str]]:
    """The names of each country, sorted."""
    codes = {entry.alpha_2 for entry in pycountry.countries}  # CLDR also has continents
    names: dict[str, str] = {}
    for code, name in english():
        key = letters_and_digits(name)
        if key not in AMBIGUOUS and names.setdefault(key, code) != code:
            raise SystemExit(f"{name} is an English name of {names[key]} and of {code}")
    languages = defaultdict[str, defaultdict[str, set[str]]](lambda: defaultdict(set))
    for language, code, name in translated():
        key = letters_and_digits(name)
        if (
            code in codes
            and key not in names
            and key not in AMBIGUOUS
            and (len(key) >= SHORTEST or not key.isascii())
        ):
            languages[key][code].add(language)
    names |= {key: code for key, votes in languages.items() if key and (code := _elect(key, votes))}
    found = defaultdict(list)
    for key, code in names.items():
        found[code].append(key)
    return {code: sorted(found[code]) for code in sorted(found)}


def _looks_like_code(key: str) -> bool:
    return key.isascii() and (len(key) < SHORTEST or pycountry.countries.get(alpha_3=key.upper()) is not None)


def _elect(key: str, votes: dict[str, set[str]]) -> str | None:
    """The country that the name means in most languages. A few translations are mistakes of their translators."""
    best, *others = sorted(votes, key=lambda code: (-len(votes[code]), code))
    if others and len(votes[best]) < MAJORITY * len(votes[others[0]]):
        print(f"left out: {key}, which means {', '.join(sorted(votes))}", file=sys.stderr)
        return None
    return best


def main() -> None:
    alpha_3 = {entry.alpha_2: entry.alpha_3 for entry in pycountry.countries}
    lines = [" ".join([code, alpha_3[code], *names]) for code, names in names_by_code().items()]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
