"""The names of countries in many languages. `make countries` generates countries.txt, which has them."""

import functools
from pathlib import Path

from mailrith_lite.unicode_forms import letters_and_digits

MAX_NAME = 200


def find(text: str) -> str | None:
    """The alpha-2 code of a country by its ISO 3166-1 alpha-2 or alpha-3 code or a name; None for another text.

    Upper case does not matter. In a name accents, blanks and punctuation do not matter either.
    """
    return _find(text) if len(text) <= MAX_NAME else None


def codes() -> list[str]:
    """The alpha-2 codes of all countries."""
    return sorted(set(_tables()[0].values()))


@functools.lru_cache(maxsize=4_096)
def _find(text: str) -> str | None:
    codes, names = _tables()
    return codes.get(text.strip().upper()) or names.get(letters_and_digits(text))


@functools.cache
def _tables() -> tuple[dict[str, str], dict[str, str]]:
    """Codes, and names as `letters_and_digits` returns them, -> alpha-2 code. Takes 15 ms.

    They are separate because punctuation matters for codes: N/A is not Namibia.
    """
    codes: dict[str, str] = {}
    names: dict[str, str] = {}
    for line in Path(__file__).with_name("countries.txt").read_text(encoding="utf-8").splitlines():
        alpha_2, alpha_3, *others = line.split(" ")
        codes |= {alpha_2: alpha_2, alpha_3: alpha_2}
        names |= dict.fromkeys(others, alpha_2)
    return codes, names
