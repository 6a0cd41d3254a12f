"""Takes the screenshots in docs/images again: `make screenshots`."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conftest import KEY, Server
from playwright.sync_api import Browser, Page, ViewportSize

from mailrith_lite.settings import Settings
from mailrith_lite.testing import Mailrith, serve

from .browser import launched, sign_in
from .job_states import claim_import, write_progress

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
            create_audience(server)
            with signed_in_page(browser, server, DESKTOP) as page:
                import_url = shoot_pages(page, server)
            with signed_in_page(browser, server, PHONE) as page:
                page.goto(import_url)
                shoot(page, "console-phone")
        with serve() as sandbox, signed_in_page(browser, sandbox, DESKTOP, key=sandbox.api_key) as page:
            page.goto("/console/style")
            shoot(page, "console-style")


def create_audience(server: Server) -> None:
    for label, body in FIELDS.items():
        server.sdk().custom_fields.create(body={"label": label, **body})
    for name in ("From a fair", "Newsletter", "Website signup"):
        server.sdk().tags.create(body={"name": name})
    server.sdk().sequences.create(body={"name": "Welcome", "definition": {"emails": []}})


def shoot_pages(page: Page, server: Server) -> str:
    """Takes most of the screenshots. Returns the address of a completed import."""
    upload(page, "subscribers.csv")
    page.get_by_label("Newsletter").check()
    page.get_by_role("button", name="Import 1,000 rows").click()
    wait_for_import(page)
    server.export_csv(status="Active")
    upload(page, "messy.csv")
    shoot(page, "console-mapping")
    page.get_by_role("button", name="Import 18 rows").click()
    wait_for_import(page)
    import_url = page.url
    shoot(page, "console-import")
    job = claim_import(server, ago=5_300)
    write_progress(server, job, created=148_310, rejected=1_690, total=250_000)
    page.goto("/console")
    shoot(page, "console-jobs")
    page.goto("/console/subscribers?status=Active&search=berg")
    shoot(page, "console-subscribers")
    page.locator(".people tbody a").first.click()
    shoot(page, "console-subscriber")
    page.goto("/console/keys")
    shoot(page, "console-keys")
    return import_url


def upload(page: Page, name: str) -> None:
    page.goto("/console/imports/new")
    page.get_by_label("CSV file").set_input_files(ROOT / "data" / name)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="What each column is").wait_for()


def wait_for_import(page: Page) -> None:
    page.get_by_role("heading", name="Import Completed").wait_for()


@contextlib.contextmanager
def signed_in_page(
    browser: Browser, server: Server | Mailrith, viewport: ViewportSize, *, key: str = KEY
) -> Iterator[Page]:
    """A page of this size, signed in."""
    context = browser.new_context(base_url=server.url, viewport=viewport)
    with contextlib.closing(context):
        page = context.new_page()
        sign_in(page, key)
        yield page


def shoot(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
