"""The pictures in docs/images, made anew: `make screenshots`."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conftest import KEY, Server
from playwright.sync_api import Browser, Page, ViewportSize

from mailrith_lite.settings import Settings

from .browser import launched, sign_in
from .staged import advance, import_under_way

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 780}
FIELDS = {
    "Company": {"type": "Text"},
    "Plan": {"type": "Select (Dropdown)", "settings": {"options": ["Free", "Team", "Business"]}},
    "Seats": {"type": "Number"},
    "Customer since": {"type": "Date"},
    "Notes": {"type": "Text Area"},
}


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        settings = Settings(port=0, data_dir=Path(folder) / "data", bootstrap_key=KEY)
        with Server(settings).serving() as server:
            prepare(server)
            with page_of(browser, server, DESKTOP) as page:
                imported = walk_through(page, server)
            with page_of(browser, server, PHONE) as page:
                page.goto(imported)
                shoot(page, "console-phone")


def prepare(server: Server) -> None:
    for label, body in FIELDS.items():
        server.sdk().custom_fields.create(body={"label": label, **body})
    for name in ("From a fair", "Newsletter", "Website signup"):
        server.sdk().tags.create(body={"name": name})
    server.sdk().sequences.create(body={"name": "Welcome", "definition": {"emails": []}})


def walk_through(page: Page, server: Server) -> str:
    """Takes the pictures on the way, and gives the address of an import that is done."""
    hand_over(page, "subscribers.csv")
    page.get_by_label("Newsletter").check()
    page.get_by_role("button", name="Import 1,000 rows").click()
    finished(page)
    server.export_csv(status="Active")
    hand_over(page, "messy.csv")
    shoot(page, "console-mapping")
    page.get_by_role("button", name="Import 18 rows").click()
    finished(page)
    imported = page.url
    shoot(page, "console-import")
    job = import_under_way(server, ago=5_300)
    advance(server, job, created=148_310, rejected=1_690, total=250_000)
    page.goto("/console")
    shoot(page, "console-jobs")
    page.goto("/console/subscribers?status=Active&search=berg")
    shoot(page, "console-subscribers")
    return imported


def hand_over(page: Page, name: str) -> None:
    page.goto("/console/imports/new")
    page.get_by_label("CSV file").set_input_files(ROOT / "data" / name)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="What each column is").wait_for()


def finished(page: Page) -> None:
    page.get_by_role("heading", name="Import Completed").wait_for()


@contextlib.contextmanager
def page_of(browser: Browser, server: Server, viewport: ViewportSize) -> Iterator[Page]:
    """Signed in, in a window of this size."""
    context = browser.new_context(base_url=server.url, viewport=viewport)
    with contextlib.closing(context):
        page = context.new_page()
        sign_in(page)
        yield page


def shoot(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
