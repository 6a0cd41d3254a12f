"""The options of a select field, as cells and requests name them."""

from collections.abc import Sequence
from typing import Final

from mailrith_lite.cells import split_list
from mailrith_lite.unicode_forms import compose, fold

_SEPARATORS: Final = ",;|"


class Choices:
    """An exact option wins. Else case and double quotes do not matter, unless two options differ only in them."""

    def __init__(self, options: Sequence[str]) -> None:
        self._by_text = {
            compose(option): option for option in options
        }  # an older database has other forms than NFC
        self._by_key: dict[str, str | None] = {}
        for option in options:
            key = _key(option)
            self._by_key[key] = None if key in self._by_key else option

    def find(self, text: str) -> str | None:
        trimmed = text.strip()
        return self._by_text.get(compose(trimmed)) or self._by_key.get(_key(trimmed))

    def find_all(self, text: str) -> list[str] | None:
        """The options between `,` `;` or `|`, each once, in the order of the text. None for another text."""
        for separator in _SEPARATORS:
            if separator == "," or separator in text:
                chosen = self._find_each(text, separator)
                if chosen is not None:
                    return chosen
        whole = self.find(text)  # an option can have a separator in it
        return None if whole is None else [whole]

    def _find_each(self, text: str, separator: str) -> list[str] | None:
        try:
            items = split_list(text, separator)
        except ValueError:
            return None
        chosen = [option for option in map(self.find, items) if option is not None]
        return list(dict.fromkeys(chosen)) if len(chosen) == len(items) else None


def _key(text: str) -> str:
    return fold(text).replace('"', "")
