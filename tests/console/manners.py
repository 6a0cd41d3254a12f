"""Plays an errand in the console in four manners: by mouse, by keyboard, on a phone, and without JavaScript."""

import re
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Locator, Page, expect

MANNERS: Final[dict[str, dict[str, Any]]] = {
    "mouse": {},
    "keyboard": {},
    "phone": {"viewport": {"width": 375, "height": 812}, "has_touch": True},
    "no script": {"java_script_enabled": False},
}
"""Name -> options of the browser's context."""
_MAX_TABS = 120
_FOCUSED = "(one) => one === document.activeElement"
_NEXT_IN_GROUP = "(one) => document.activeElement.name === one.name && document.activeElement.type === 'radio'"

Name = str | re.Pattern[str]


class Visit:
    """A person at a page. Each step finds its element by its visible name, and uses it as `manner` says."""

    def __init__(self, page: Page, manner: str) -> None:
        self.page = page
        self._manner = manner

    def section(self, name: str) -> None:
        """Opens a page of the navigation."""
        if self._manner == "phone":
            self.press("Menu")
        navigation = self.page.get_by_role("navigation", name="Sections")
        self._activate(navigation.get_by_role("link", name=name, exact=True))
        expect(self.page.get_by_role("heading", level=1)).to_have_text(name)

    def follow(self, name: Name) -> None:
        """Follows the first link of this name on the page."""
        self._activate(self._in_main("link", name))

    def press(self, name: Name) -> None:
        button = self.page.get_by_role("button", name=name, exact=isinstance(name, str)).first
        if self._manner == "no script":  # every button opens a page, which must be there before it is reloaded
            with self.page.expect_navigation():
                self._activate(button)
        else:
            self._activate(button)

    def unfold(self, name: str) -> None:
        self._activate(self.page.locator("summary", has_text=name).first)

    def fill(self, label: str, text: str) -> None:
        field = self.page.locator("input:not([type=checkbox]), textarea").and_(
            self.page.get_by_label(label, exact=True)
        )
        if self._manner != "keyboard":
            field.fill(text)
            return
        self._reach(field)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text)

    def choose(self, label: str, option: str) -> None:
        field = self.page.get_by_label(label, exact=True)
        if self._manner != "keyboard":
            field.select_option(option)
            return
        self._reach(field)
        self.page.keyboard.type(option)

    def check(self, label: Name) -> None:
        self.check_box(self.page.get_by_label(label, exact=isinstance(label, str)))

    def check_box(self, box: Locator) -> None:
        """A box to check, or one of the answers to a question."""
        if self._manner != "keyboard":
            box.check()
        elif box.get_attribute("type") == "radio":
            self._reach(box, _NEXT_IN_GROUP)
            for _ in range(10):
                self.page.keyboard.press("Space" if box.evaluate(_FOCUSED) else "ArrowDown")
                if box.is_checked():
                    return
            raise AssertionError("the answer is not reached by the arrow keys")
        else:
            self._reach(box)
            self.page.keyboard.press("Space")
        expect(box).to_be_checked()

    def uncheck(self, box: Locator) -> None:
        if self._manner == "keyboard":
            self._reach(box)
            self.page.keyboard.press("Space")
        else:
            box.uncheck()
        expect(box).not_to_be_checked()

    def attach(self, label: str, path: Path) -> None:
        field = self.page.get_by_label(label, exact=True)
        if self._manner == "keyboard":
            self._reach(field)
        field.set_input_files(path)

    def see_later(self, text: Name) -> None:
        """Waits for a text that comes after work of the service. Without JavaScript a person reloads the page."""
        if self._manner == "no script":
            self.page.reload()
        expect(self.page.get_by_role("main")).to_contain_text(text)

    def _in_main(self, role: Any, name: Name) -> Locator:
        return self.page.get_by_role("main").get_by_role(role, name=name, exact=isinstance(name, str)).first

    def _activate(self, element: Locator) -> None:
        if self._manner == "keyboard":
            self._reach(element)
            self.page.keyboard.press("Enter")
        elif self._manner == "phone":
            element.tap()
        else:
            element.click()

    def _reach(self, element: Locator, reached: str = _FOCUSED) -> None:
        """Presses Tab until `reached`, a JavaScript test of the element, is true."""
        found = element.element_handle()  # once, because each search for an element takes longer than a key
        for _ in range(_MAX_TABS):
            is_reached = found.evaluate(f"(one) => one.isConnected ? ({reached})(one) : null")
            if is_reached is None:  # the page has updated itself
                found = element.element_handle()
            elif is_reached:
                return
            else:
                self.page.keyboard.press("Tab")
        raise AssertionError(f"{element} is not reached by Tab")
