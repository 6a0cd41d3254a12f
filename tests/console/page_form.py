"""The form of a page as a browser without JavaScript fills it in and sends it."""

from html.parser import HTMLParser
from urllib.parse import urlencode

from conftest import Reply

from .visitor import Visitor


class PageForm(HTMLParser):
    """The form with this id. `values`: name -> values that the browser would send now."""

    def __init__(self, page: Reply, form_id: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self.buttons: list[str] = []
        self._form_id = form_id
        self._inside = False
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._option: str | None = None
        self.feed(page.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        members = dict(attrs)
        if tag == "form":
            self._inside = members.get("id") == self._form_id
        if not self._inside:
            return
        name = members.get("name") or ""
        if tag == "input" and name and (members.get("type") != "checkbox" or "checked" in members):
            self.values.setdefault(name, []).append(members.get("value") or "")
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select is not None:
            self._options.append((members.get("value") or "", "selected" in members))
            self._option = "" if "value" not in members else None
        elif tag == "button" and name == "action":
            self.buttons.append(members.get("value") or "")

    def handle_data(self, data: str) -> None:
        if self._option == "":
            self._options[-1] = (data.strip(), self._options[-1][1])
            self._option = None

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        if tag == "select" and self._inside and self._select and self._options:
            chosen = next((value for value, selected in self._options if selected), self._options[0][0])
            self.values[self._select] = [chosen]
            self._select = None

    def fill(self, **values: str | list[str]) -> "PageForm":
        """`_` in a name stands for `-`."""
        for name, value in values.items():
            self.values[name.replace("_", "-")] = value if isinstance(value, list) else [value]
        return self

    def press(self, visitor: Visitor, path: str, button: str) -> Reply:
        assert button in self.buttons, self.buttons
        body = urlencode({**self.values, "action": button}, doseq=True).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": visitor.origin}
        return visitor.send("POST", path, body, headers)
