"""The style page in a real browser: every part of the pages, light and dark."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrith_lite.testing import Mailrith, serve

from .browser import Browser, cut_off, find_violations, sign_in, watched

SIZES = [(1280, 800), (640, 400), (375, 812), (320, 640)]  # 640: a window of 1280 at a zoom of 200 %


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Mailrith]:
    with serve() as mailrith:
        yield mailrith


def test_every_part_is_accessible_on_light_and_dark_backgrounds(
    browser: Browser, sandbox: Mailrith, tmp_path: Path
) -> None:
    with watched(browser, sandbox) as page:
        sign_in(page, sandbox.api_key)
        page.goto("/console/style")
        assert page.locator(".ground").count() == 2
        assert find_violations(page) == []
        page.emulate_media(color_scheme="dark")
        assert find_violations(page) == []
        picture = page.screenshot(path=tmp_path / "style.png", full_page=True)
        assert len(picture) > 100_000  # an empty page has some thousand bytes


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_part_fits_the_window(browser: Browser, sandbox: Mailrith, size: tuple[int, int]) -> None:
    with watched(browser, sandbox, viewport={"width": size[0], "height": size[1]}) as page:
        sign_in(page, sandbox.api_key)
        page.goto("/console/style")
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        assert cut_off(page) == []


def test_forced_colours_keep_the_marks_of_states(browser: Browser, sandbox: Mailrith) -> None:
    marks = """() => [...document.querySelectorAll(".light .badge")].map((one) =>
        [one.textContent, getComputedStyle(one, "::before").content, getComputedStyle(one).borderTopStyle])"""
    legend = """() => [...document.querySelectorAll(".light .row-outcomes dt")].map((one) =>
        getComputedStyle(one, "::before").backgroundColor)"""
    with watched(browser, sandbox, forced_colors="active") as page:
        sign_in(page, sandbox.api_key)
        page.goto("/console/style")
        for name, mark, border in page.evaluate(marks):
            assert mark != "none", name
            assert border == "solid", name
        assert len(set(page.evaluate(legend))) >= 4


def test_nothing_moves_for_readers_who_want_less_motion(browser: Browser, sandbox: Mailrith) -> None:
    with watched(browser, sandbox, reduced_motion="reduce") as page:
        sign_in(page, sandbox.api_key)
        page.goto("/console/style")
        assert page.evaluate("document.getAnimations().length") == 0
