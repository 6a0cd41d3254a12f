"""The regions of the United Nations' standard M49: English names, and the ISO 3166-1 codes of their countries.

https://unstats.un.org/unsd/methodology/m49/. M49 does not list Taiwan; here it belongs to Eastern Asia.
"""

import functools
from typing import Final

from mailrith_lite.unicode_forms import fold

_PARTS: Final = {
    "Northern Africa": "DZ EG EH LY MA SD TN",
    "Eastern Africa": "BI DJ ER ET IO KE KM MG MU MW MZ RE RW SC SO SS TF TZ UG YT ZM ZW",
    "Middle Africa": "AO CD CF CG CM GA GQ ST TD",
    "Southern Africa": "BW LS NA SZ ZA",
    "Western Africa": "BF BJ CI CV GH GM GN GW LR ML MR NE NG SH SL SN TG",
    "Caribbean": "AG AI AW BB BL BQ BS CU CW DM DO GD GP HT JM KN KY LC MF MQ MS PR SX TC TT VC VG VI",
    "Central America": "BZ CR GT HN MX NI PA SV",
    "South America": "AR BO BR BV CL CO EC FK GF GS GY PE PY SR UY VE",
    "Northern America": "BM CA GL PM US",
    "Central Asia": "KG KZ TJ TM UZ",
    "Eastern Asia": "CN HK JP KP KR MN MO TW",
    "South-eastern Asia": "BN ID KH LA MM MY PH SG TH TL VN",
    "Southern Asia": "AF BD BT IN IR LK MV NP PK",
    "Western Asia": "AE AM AZ BH CY GE IL IQ JO KW LB OM PS QA SA SY TR YE",
    "Eastern Europe": "BG BY CZ HU MD PL RO RU SK UA",
    "Northern Europe": "AX DK EE FI FO GB GG IE IM IS JE LT LV NO SE SJ",
    "Southern Europe": "AD AL BA ES GI GR HR IT ME MK MT PT RS SI SM VA",
    "Western Europe": "AT BE CH DE FR LI LU MC NL",
    "Australia and New Zealand": "AU CC CX HM NF NZ",
    "Melanesia": "FJ NC PG SB VU",
    "Micronesia": "FM GU KI MH MP NR PW UM",
    "Polynesia": "AS CK NU PF PN TK TO TV WF WS",
    "Antarctica": "AQ",
}
_SUB_SAHARAN = ("Eastern Africa", "Middle Africa", "Southern Africa", "Western Africa")
_LATIN_AMERICA = ("Caribbean", "Central America", "South America")
_WHOLES: Final = {
    "World": tuple(_PARTS),
    "Africa": ("Northern Africa", *_SUB_SAHARAN),
    "Sub-Saharan Africa": _SUB_SAHARAN,
    "Americas": (*_LATIN_AMERICA, "Northern America"),
    "Latin America and the Caribbean": _LATIN_AMERICA,
    "North America": ("Caribbean", "Central America", "Northern America"),
    "Asia": ("Central Asia", "Eastern Asia", "South-eastern Asia", "Southern Asia", "Western Asia"),
    "Europe": ("Eastern Europe", "Northern Europe", "Southern Europe", "Western Europe"),
    "Oceania": ("Australia and New Zealand", "Melanesia", "Micronesia", "Polynesia"),
}

NAMES: Final = (*_WHOLES, *_PARTS)


def countries(name: str) -> frozenset[str] | None:
    """The alpha-2 codes of the region with this name, ignoring case; None for an unknown name."""
    return _regions().get(fold(name.strip()))


@functools.cache
def _regions() -> dict[str, frozenset[str]]:
    parts = {name: frozenset(codes.split()) for name, codes in _PARTS.items()}
    wholes = {name: frozenset().union(*(parts[part] for part in names)) for name, names in _WHOLES.items()}
    return {fold(name): codes for name, codes in (parts | wholes).items()}
