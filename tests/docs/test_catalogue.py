from __future__ import annotations

import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from errnorm_docs.catalogue import catalogue
from errnorm_docs.entries import Article, entries_of, tables

from errnorm import Reason, Recovery, normalize
from errnorm.advice import advice_for
from errnorm.tables.pattern import Template

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from errnorm.tables import Table

VECTORS = Path(__file__).parents[1] / "data/vectors"


@cache
def built() -> list[Table]:
    return tables()


@cache
def articles() -> list[Article]:
    return entries_of(built())


@pytest.fixture(scope="module")
def page() -> str:
    return catalogue(built())


@pytest.fixture(scope="module")
def address(page: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("catalogue") / "catalogue.html"
    path.write_text(page, "utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser: Chrome, address: str) -> Chrome:
    browser.get("about:blank")
    browser.get(address)
    return browser


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[str]] = {}
        self.addresses: list[str] = []
        self.outside: list[str] = []
        self._row: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "details" and attributes.get("class") == "row":
            self._row = self.rows[attributes["id"] or ""] = []
        self.outside += [
            value for name, value in attrs if name in {"src", "href"} and value and not value.startswith(("#", "data:"))
        ]
        if attributes.get("id"):
            self.addresses.append(attributes["id"] or "")

    def handle_data(self, data: str) -> None:
        if self._row is not None:
            self._row.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "details":
            self._row = None


@pytest.fixture(scope="module")
def words(page: str) -> _Words:
    parsed = _Words()
    parsed.feed(page)
    return parsed


class TestWithoutJavaScript:
    def test_every_row_of_every_table_stands_on_the_page(self, words: _Words) -> None:
        assert list(words.rows) == [entry.slug for entry in articles()]

    def test_every_row_says_what_explain_says(self, words: _Words) -> None:
        for entry in articles():
            text = "".join(words.rows[entry.slug])
            missing = [fact for _, fact in entry.facts() if fact.replace("`", "") not in text]
            assert not missing, entry.slug

    def test_what_it_says_comes_from_the_vocabulary(self, words: _Words) -> None:
        entry = next(entry for entry in articles() if entry.slug == "nats/error/stale-connection")
        text = "".join(words.rows[entry.slug])
        assert Reason.TRANSPORT_STALE.about in text
        assert advice_for(Reason.TRANSPORT_STALE, Recovery.RECONNECT) in text

    def test_no_address_stands_twice(self, words: _Words) -> None:
        assert len(words.addresses) == len(set(words.addresses))

    def test_nothing_is_fetched_from_elsewhere(self, words: _Words, page: str) -> None:
        assert words.outside == []
        assert "url(" not in page.partition("</style>")[0]

    @pytest.mark.parametrize(
        "address",
        ["nats/error/stale-connection", "nats/jetstream/10059", "xmpp/stream/see-other-host", "transport/os/econnrefused"],
    )
    def test_addresses_stay(self, address: str) -> None:
        assert address in {entry.slug for entry in articles()}

    def test_words_of_a_table_cannot_become_markup(self) -> None:
        assert "<resource" not in re.sub(r"<script.*?</script>", "", catalogue(built()), flags=re.DOTALL)


def _samples(entry: Article) -> list[str]:
    table = next(table for table in built() if table.protocol == entry.protocol)
    templates = (Template(text, table.kinds, None, ignore_case=entry.head.ignore_case) for text in entry.placed.templates())
    return [*entry.placed.spellings(), *(template.sample() for template in templates)]


def _recognised(browser: Chrome, texts: list[str]) -> list[list[dict[str, Any]]]:
    found = browser.execute_script("return JSON.stringify(JSON.parse(arguments[0]).map(catalogue.recognise))", json.dumps(texts))
    answer: list[list[dict[str, Any]]] = json.loads(str(found))
    return answer


RAW = [
    "-ERR 'Stale Connection'\r\n",
    "-ERR 'Authorization Violation'",
    '-ERR \'Permissions Violation for Subscription to "a.b" using queue "q"\'',
    'nats: permissions violation for publish to "orders.new"',
    "nats: 'Authorization Violation'",
    "NATS/1.0 503\r\n\r\n",
    '{"type":"io.nats.jetstream.advisory.v1.max_deliver","stream":"S","consumer":"c","deliveries":5}',
    "NATS/1.0 409 Consumer Deleted\r\n\r\n",
    '[7] 2026/11/22 22:30:48.190000 [ERR] 127.0.0.1:49092 - cid:7 - "v1:python:app" - authentication error - User "a"',
    "nats: NotFoundError: code=404 err_code=10059 description='stream not found'",
    "[Errno 111] Connect call failed ('127.0.0.1', 4222)",
    "ConnectionResetError: [Errno 104] Connection reset by peer",
    "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)",
    "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>a.example</see-other-host></stream:error>",
    "<iq type='error'><error type='cancel'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>",
]


class TestPasting:
    def test_every_spelling_of_every_row_finds_its_row(self, opened: Chrome) -> None:
        expected = [(sample, entry.slug) for entry in articles() for sample in _samples(entry)]
        found = _recognised(opened, [sample for sample, _ in expected])
        wrong = [
            (sample, slug)
            for (sample, slug), hits in zip(expected, found, strict=True)
            if slug not in {hit["slug"] for hit in hits} and not sample.startswith(("<", "["))
        ]
        assert not wrong

    @pytest.mark.parametrize("raw", RAW)
    def test_a_raw_error_finds_the_row_that_normalize_finds(self, opened: Chrome, raw: str) -> None:
        row = normalize(raw).row
        assert row is not None
        (hits,) = _recognised(opened, [raw])
        by_slug = {entry.slug: entry.placed for entry in articles()}
        first = by_slug[hits[0]["slug"]]
        assert (first.section, first.key) == (row.section, row.key)

    def test_what_real_servers_said_finds_its_row(self, opened: Chrome) -> None:
        lines = [json.loads(line) for path in sorted(VECTORS.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
        texts = {(one["raw"], one.get("protocol")) for one in lines if isinstance(one.get("raw"), str)}
        rows = {raw: normalize(raw, protocol).row for raw, protocol in texts}
        known = {raw: (row.section, row.key) for raw, row in rows.items() if row is not None}
        by_slug = {entry.slug: (entry.placed.section, entry.placed.key) for entry in articles()}
        found = _recognised(opened, list(known))
        missed = [raw for raw, hits in zip(known, found, strict=True) if known[raw] not in {by_slug[hit["slug"]] for hit in hits}]
        # XML that cannot be read is read otherwise by a browser; everything else that differs is rare, or a mistake.
        assert len(missed) <= len(known) * 0.03, missed

    def test_the_values_in_it_are_shown(self, opened: Chrome) -> None:
        _type(opened, "-ERR 'Permissions Violation for Publish to \"orders.new\"'")
        assert "subject = orders.new" in opened.find_element("css selector", "#found .best").text

    @pytest.mark.parametrize("text", ["-ERR 'xStale Connection'", "prefix Authorization Violation suffix"])
    def test_a_part_of_a_text_is_no_exact_match(self, opened: Chrome, text: str) -> None:
        assert _recognised(opened, [text]) == [[]]

    def test_markup_in_a_pasted_text_stays_text(self, opened: Chrome) -> None:
        _type(opened, "-ERR 'Permissions Violation for Publish to \"<img src=x onerror=window.bad=1>\"'")
        assert opened.execute_script("return window.bad === undefined && !document.querySelector('#found img')") is True


def _type(browser: Chrome, text: str) -> None:
    box = browser.find_element("id", "q")
    box.clear()
    box.send_keys(text)


def _shown(browser: Chrome) -> list[str]:
    script = "return [...document.querySelectorAll('.row')].filter((row) => row.checkVisibility()).map((row) => row.id)"
    return [str(slug) for slug in browser.execute_script(script) or []]


class TestSearching:
    @pytest.mark.parametrize(
        ("typed", "first"),
        [
            ("stale connection", "nats/error/stale-connection"),
            ("10059", "nats/jetstream/10059"),
            ("JSStreamNotFoundErr", "nats/jetstream/10059"),
            ("ECONNREFUSED", "transport/os/econnrefused"),
            ("see-other-host", "xmpp/stream/see-other-host"),
        ],
    )
    def test_a_text_a_code_and_a_constant_find_their_row(self, opened: Chrome, typed: str, first: str) -> None:
        _type(opened, typed)
        assert _shown(opened)[0] == first

    def test_a_reason_finds_all_its_rows(self, opened: Chrome) -> None:
        _type(opened, "limits.slow_consumer")
        expected = {entry.slug for entry in articles() if entry.placed.row.reason is Reason.LIMITS_SLOW_CONSUMER}
        assert expected <= set(_shown(opened))

    def test_nothing_found_is_said(self, opened: Chrome) -> None:
        _type(opened, "zzzzqqq")
        assert opened.find_element("id", "said").text == "No row has these words."
        assert _shown(opened) == []

    def test_an_unknown_text_finds_rows_like_it(self, opened: Chrome) -> None:
        _type(opened, "fatal: subscription permissions violation on leafnode zzzz77")
        assert opened.find_element("id", "said").text == "No row knows this text."
        assert _shown(opened)

    def test_escape_brings_all_rows_back_in_their_order(self, opened: Chrome) -> None:
        _type(opened, "timeout")
        opened.find_element("id", "q").send_keys("\ue00c")
        assert _shown(opened) == [entry.slug for entry in articles()]


class TestFiltering:
    def test_filters_of_one_kind_add_and_of_several_narrow(self, opened: Chrome) -> None:
        for name, value in (("protocol", "xmpp"), ("category", "auth"), ("category", "limits"), ("evidence", "provoked")):
            opened.execute_script(f"document.querySelector('input[name={name}][value={value}]').click()")
        expected = [
            entry.slug
            for entry in articles()
            if entry.protocol == "xmpp"
            and entry.placed.row.reason.category in {"auth", "limits"}
            and entry.placed.row.evidence.startswith("provoked")
        ]
        assert _shown(opened) == expected
        assert expected

    @pytest.mark.parametrize("decision", ["repeat", "reconnect", "fails", "stop"])
    def test_the_decision_is_terminal_times_retryable(self, opened: Chrome, decision: str) -> None:
        opened.execute_script(f"document.querySelector('input[name=decision][value={decision}]').click()")
        wanted = {"repeat": (True, False), "reconnect": (True, True), "fails": (False, False), "stop": (False, True)}[decision]
        rows = [(entry.placed.row.recovery.retryable, entry.placed.row.terminal, entry.slug) for entry in articles()]
        assert _shown(opened) == [slug for retryable, terminal, slug in rows if (retryable, terminal) == wanted]

    def test_the_counts_beside_them_are_right(self, opened: Chrome) -> None:
        shown = opened.execute_script(
            "return document.querySelector('input[name=category][value=transport]').nextSibling.textContent"
        )
        assert shown == f"transport {sum(entry.placed.row.reason.category == 'transport' for entry in articles())}"


class TestLinks:
    def test_a_link_opens_its_row(self, browser: Chrome, address: str) -> None:
        browser.get("about:blank")
        browser.get(f"{address}#xmpp/stanza/conflict")
        script = "const row = document.querySelector('.row[open]'), box = row.getBoundingClientRect();"
        seen = browser.execute_script(f"{script} return [row.id, box.top >= 0 && box.top < innerHeight]")
        assert seen == ["xmpp/stanza/conflict", True]

    def test_the_address_follows_what_is_opened(self, opened: Chrome) -> None:
        opened.find_element("css selector", "[id='nats/error/stale-connection'] summary").click()
        assert opened.current_url.endswith("#nats/error/stale-connection")

    def test_a_search_can_be_linked(self, browser: Chrome, address: str) -> None:
        browser.get("about:blank")
        browser.get(f"{address}#?q=slow+consumer&protocol=nats")
        shown = _shown(browser)
        assert shown
        assert all(slug.startswith("nats/") for slug in shown)


class TestTheKeyboard:
    def test_slash_searches_arrows_move_enter_opens_and_escape_goes_back(self, opened: Chrome) -> None:
        body = opened.find_element("css selector", "body")
        opened.execute_script("document.activeElement.blur()")
        body.send_keys("/")
        assert opened.switch_to.active_element.get_attribute("id") == "q"
        opened.switch_to.active_element.send_keys("slow consumer")
        opened.switch_to.active_element.send_keys("\ue015")
        first = opened.execute_script("return document.activeElement.parentNode.id")
        opened.switch_to.active_element.send_keys("\ue015")
        second = opened.execute_script("return document.activeElement.parentNode.id")
        assert [first, second] == _shown(opened)[:2]
        opened.switch_to.active_element.send_keys("\ue007")
        assert opened.execute_script("return document.activeElement.parentNode.open") is True
        opened.switch_to.active_element.send_keys("\ue00c")
        opened.switch_to.active_element.send_keys("\ue00c")
        assert opened.switch_to.active_element.get_attribute("id") == "q"


class TestSmallAndDark:
    @pytest.mark.parametrize("width", [320, 390, 1280])
    def test_nothing_is_wider_than_the_screen(self, opened: Chrome, width: int) -> None:
        opened.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        )
        try:
            assert opened.execute_script("return document.documentElement.scrollWidth <= innerWidth") is True
        finally:
            opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_text_stands_out_from_its_ground_as_wcag_asks(self, opened: Chrome, scheme: str) -> None:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        pairs = opened.execute_script(
            """
            const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
            const texts = ["ink", "soft", "link", "auth", "limits", "protocol", "transport", "shutdown", "unknown"];
            const grounds = ["paper", "sheet", "wash"];
            const chips = [["yes", "yes-wash"], ["no", "no-wash"], ["ink", "calm-wash"]];
            return [...texts.flatMap((text) => grounds.map((ground) => [text, ground])), ...chips]
                .map((pair) => pair.map((name) => color("--" + name)));
            """
        )
        low = [pair for pair in pairs or [] if _contrast(*pair) < 4.5]
        assert not low


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    # WCAG 2.2, relative luminance.
    digits = color[1:] if len(color) == 7 else "".join(digit * 2 for digit in color[1:])
    parts = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
