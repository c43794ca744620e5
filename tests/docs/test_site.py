"""The site as somebody sees it: nothing scrolls sideways on a desktop or a phone, and the search finds single errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from tests.docs.building import Site

pytestmark = pytest.mark.slow

_DESKTOP, _PHONE = (1400, 900), (390, 844)
# What is wider than the room it has, on a page that is ready.
_TOO_WIDE = """
const wide = [];
if (document.documentElement.scrollWidth > innerWidth) wide.push("the page");
for (const one of document.querySelectorAll(".table-wrapper, table, pre"))
    if (one.scrollWidth > one.clientWidth + 1) wide.push(one.textContent.trim().slice(0, 60));
return wide;
"""
_PAGES = (
    "index.html",
    "tutorial/first-error.html",
    "how-to/scan.html",
    "how-to/nesting.html",
    "reference/api.html",
    "reference/command-line.html",
    "_generated/table-nats.html",
    "_generated/attributes.html",
    "explanation/speed.html",
    "catalogue.html",
    "catalogue/nats/error/stale-connection.html",
)


def test_the_site_builds_without_a_warning(site: Site) -> None:
    assert site.warnings == ""
    assert (site.folder / "catalogue.html").exists()


@pytest.mark.parametrize("size", [_DESKTOP, _PHONE], ids=["desktop", "phone"])
def test_nothing_on_a_page_scrolls_sideways(site: Site, browser: Chrome, size: tuple[int, int]) -> None:
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == _PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wide = {}
    for page in _PAGES:
        browser.get((site.folder / page).as_uri())
        if found := browser.execute_script(_TOO_WIDE):
            wide[page] = found
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide == {}


def test_the_search_finds_single_errors_and_leads_to_their_lines(site: Site, browser: Chrome) -> None:
    from selenium.webdriver.support.wait import WebDriverWait  # noqa: PLC0415 - where it is installed

    browser.get((site.folder / "search.html").as_uri() + "?q=slow+consumer")
    shown = "return [...document.querySelectorAll('#search-results li a')].map((one) => [one.textContent, one.hash])"
    # Results come one after the other.
    WebDriverWait(browser, 60).until(lambda browser: "Slow Consumer Detected" in dict(browser.execute_script(shown)))
    lines = dict(browser.execute_script(shown))
    assert f'id="{lines["Slow Consumer Detected"][1:]}"' in (site.folder / "_generated/table-nats.html").read_text("utf-8")


def test_a_link_that_is_shared_shows_a_title_and_a_picture(site: Site) -> None:
    page = (site.folder / "how-to/sentry.html").read_text("utf-8")
    assert '<meta property="og:title" content="Send errors to Sentry - errnorm" />' in page
    assert "_static/card.png" in page
    assert (site.folder / "_static/card.png").stat().st_size > 10_000


def test_on_a_phone_each_cell_says_the_name_of_its_column(site: Site, browser: Chrome) -> None:
    browser.get((site.folder / "_generated/table-xmpp.html").as_uri())
    labels = browser.execute_script("return [...document.querySelector('tbody tr').children].map((one) => one.dataset.label)")
    assert labels == ["error", "judgement", "evidence"]
