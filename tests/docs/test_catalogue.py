from __future__ import annotations

import gzip
import json
import re
import shlex
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from errnorm_docs.catalogue import site
from errnorm_docs.entries import COMMON, EXAMPLES, STEPS, Article, entries_of, related, tables
from errnorm_docs.error_page import command_of
from errnorm_docs.pages import put

from errnorm import Reason, Recovery
from errnorm.advice import advice_for
from errnorm.cli import main
from errnorm.tables.pattern import Template

if TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver import Chrome

    from errnorm.tables import Table


@cache
def built() -> list[Table]:
    return tables()


@cache
def by_slug() -> dict[str, Article]:
    return {entry.slug: entry for entry in entries_of(built())}


@cache
def made() -> dict[str, str]:
    return site(built())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("catalogue")
    put(path, made())
    return path


@pytest.fixture(scope="module")
def address(folder: Path) -> str:
    return (folder / "catalogue.html").as_uri()


@pytest.fixture
def opened(browser: Chrome, address: str) -> Chrome:
    browser.get("about:blank")
    browser.get(address)
    return browser


class _Page(HTMLParser):
    """What a page links, which addresses it has, and the text of it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self._text: list[str] = []
        self._skipped = False
        self.feed(page)

    @property
    def text(self) -> str:
        return "".join(self._text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._skipped = tag in {"script", "style"}
        self.links += [
            value for name, value in attrs if name in {"src", "href"} and value and not value.startswith(("#", "data:"))
        ]
        self.addresses += [value for name, value in attrs if name == "id" and value]

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser calls it by this name
        self._skipped = False

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self._text.append(data)


@pytest.fixture(scope="module")
def page() -> _Page:
    return _Page(made()["catalogue.html"])


class TestWithoutJavaScript:
    def test_every_row_of_every_table_stands_on_the_page_as_a_link(self, page: _Page) -> None:
        listed = [link.removeprefix("catalogue/").removesuffix(".html") for link in page.links]
        assert listed[-len(by_slug()) :] == list(by_slug())
        assert set(listed[: -len(by_slug())]) == set(COMMON)

    def test_no_address_stands_twice(self, page: _Page) -> None:
        assert len(page.addresses) == len(set(page.addresses))

    def test_nothing_is_fetched_from_elsewhere(self, page: _Page) -> None:
        assert [link for link in page.links if urlsplit(link).scheme] == []
        assert "url(" not in made()["catalogue.html"].partition("</style>")[0]
        assert "default-src 'none'" in made()["catalogue.html"]

    def test_it_is_small_enough_for_a_telephone(self) -> None:
        assert len(gzip.compress(made()["catalogue.html"].encode(), 9)) < 250_000

    @pytest.mark.parametrize(
        "address",
        ["nats/error/stale-connection", "nats/jetstream/10059", "xmpp/stream/see-other-host", "transport/os/econnrefused"],
    )
    def test_addresses_stay(self, address: str) -> None:
        assert f"catalogue/{address}.html" in made()

    def test_words_of_a_table_cannot_become_markup(self) -> None:
        assert "<resource" not in re.sub(r"<script.*?</script>", "", made()["catalogue.html"], flags=re.DOTALL)

    def test_the_commonest_are_rows(self) -> None:
        assert [slug for slug in COMMON if slug not in by_slug()] == []


@pytest.fixture(scope="module")
def pages() -> dict[str, _Page]:
    return {slug: _Page(made()[f"catalogue/{slug}.html"]) for slug in by_slug()}


class TestThePageOfAnError:
    def test_it_says_what_explain_says(self, pages: dict[str, _Page]) -> None:
        for slug, entry in by_slug().items():
            missing = [fact for _, fact in entry.facts() if fact.replace("`", "") not in pages[slug].text]
            assert not missing, slug

    def test_what_it_says_comes_from_the_vocabulary(self, pages: dict[str, _Page]) -> None:
        text = pages["nats/error/stale-connection"].text
        assert Reason.TRANSPORT_STALE.about in text
        assert advice_for(Reason.TRANSPORT_STALE, Recovery.RECONNECT) in text
        assert STEPS[Recovery.RECONNECT] in text

    def test_it_names_itself_its_spellings_and_its_command(self, pages: dict[str, _Page]) -> None:
        for slug, entry in by_slug().items():
            text = pages[slug].text
            row = entry.placed.row
            names = [entry.placed.key, slug, command_of(entry), *filter(None, (row.text, row.constant)), *row.aliases]
            assert [name for name in names if name not in text] == [], slug

    def test_it_shows_what_a_real_server_sent(self, pages: dict[str, _Page]) -> None:
        assert "-ERR 'Stale Connection' from nats-server 2." in pages["nats/error/stale-connection"].text
        shown = {slug for slug, page in pages.items() if "Example" in page.text}
        assert len(shown) > 300

    def test_it_needs_no_script(self, pages: dict[str, _Page]) -> None:
        assert [slug for slug, page in pages.items() if "script" in page.tags] == []

    def test_its_links_lead_somewhere(self, folder: Path, pages: dict[str, _Page]) -> None:
        for slug, page in pages.items():
            here = folder / f"catalogue/{slug}.html"
            inside = [link.partition("#")[0] for link in page.links if not urlsplit(link).scheme]
            assert [link for link in inside if not (here.parent / link).exists()] == [], slug
            assert all(link.startswith("https://") for link in page.links if urlsplit(link).scheme), slug

    def test_it_leads_to_the_same_in_the_other_protocol(self, pages: dict[str, _Page]) -> None:
        here = by_slug()["nats/error/authorization-violation"].placed.row
        slugs = [re.sub(r"^(\.\./)+catalogue/|\.html$", "", link) for link in pages["nats/error/authorization-violation"].links]
        others = [by_slug()[slug] for slug in slugs if slug in by_slug() and not slug.startswith("nats/")]
        assert others
        assert {(other.placed.row.reason, other.placed.row.recovery) for other in others} == {(here.reason, here.recovery)}

    @pytest.mark.usefixtures("one_normalizer")
    def test_the_command_gives_the_same_row(self, capsys: pytest.CaptureFixture[str]) -> None:
        for entry in [*(by_slug()[slug] for slug in COMMON), *list(by_slug().values())[::50]]:
            command = shlex.split(command_of(entry))
            assert main([command[1], "--format", "json", *command[2:]]) == 0
            said = json.loads(capsys.readouterr().out)
            row = entry.placed
            assert [(answer["row"]["section"], answer["row"]["key"]) for answer in said["answers"]] == [(row.section, row.key)]


def _samples(entry: Article) -> list[str]:
    table = next(table for table in built() if table.protocol == entry.protocol)
    templates = (Template(text, table.kinds, None, ignore_case=entry.head.ignore_case) for text in entry.placed.templates())
    return [*entry.placed.spellings(), *(template.sample() for template in templates)]


def _recognised(browser: Chrome, texts: list[str]) -> list[list[dict[str, Any]]]:
    found = browser.execute_script("return JSON.stringify(JSON.parse(arguments[0]).map(catalogue.recognise))", json.dumps(texts))
    answer: list[list[dict[str, Any]]] = json.loads(str(found))
    return answer


def _paste(browser: Chrome, text: str) -> None:
    script = (
        "const q = document.getElementById('q'); q.value = arguments[0]; q.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    browser.execute_script(script, text)


def _type(browser: Chrome, text: str) -> None:
    box = browser.find_element("id", "q")
    box.clear()
    box.send_keys(text)


def _answers(browser: Chrome) -> list[str]:
    script = "return [...document.querySelectorAll('.answer')].map((one) => one.id.replace('answer/', ''))"
    return [str(slug) for slug in browser.execute_script(script) or []]


def _shown(browser: Chrome) -> list[str]:
    """Return the rows that are listed, apart from the commonest."""
    script = """
        return [...document.querySelectorAll('#found .row, #all .row')].filter((row) => row.checkVisibility())
            .map((row) => row.firstChild.getAttribute('href').replace(/^catalogue\\/|\\.html$/g, ''))
    """
    return [str(slug) for slug in browser.execute_script(script) or []]


def _said(browser: Chrome) -> str:
    return str(browser.find_element("id", "said").text)


class TestPasting:
    def test_every_spelling_of_every_row_finds_its_row(self, opened: Chrome) -> None:
        expected = [(sample, entry.slug) for entry in by_slug().values() if not entry.head.inside for sample in _samples(entry)]
        found = _recognised(opened, [sample for sample, _ in expected])
        elsewhere = opened.execute_script("return arguments[0].map(catalogue.named)", [sample for sample, _ in expected]) or []
        wrong = [
            (sample, slug)
            for (sample, slug), hits, others in zip(expected, found, elsewhere, strict=True)
            if slug not in {hit["slug"] for hit in hits} | set(others) and not sample.startswith(("<", "["))
        ]
        assert not wrong

    def test_what_is_known_opens_at_once_with_what_to_do(self, opened: Chrome) -> None:
        _paste(opened, "ERROR app: publish failed: nats: no responders available for request")
        assert _answers(opened) == ["nats/client/nats.errors.noresponderserror"]
        entry = by_slug()["nats/client/nats.errors.noresponderserror"]
        text = opened.find_element("css selector", ".answer").text
        assert str(entry.placed.row.reason) in text
        assert entry.error.advice in text.replace("\n", " ")
        assert entry.step in text

    def test_several_errors_get_an_answer_each_in_their_order(self, opened: Chrome) -> None:
        text = "nats: timeout\nall is well\nSASLError using PLAIN: not-authorized\nnats: timeout\n"
        _paste(opened, text)
        assert _answers(opened) == ["nats/client/nats.errors.timeouterror", "xmpp/sasl/not-authorized"]
        assert _said(opened).startswith("3 errors of 2 kinds")
        first = opened.find_element("css selector", ".answer").text
        assert "2 times" in first
        assert "line 1, 4" in first

    def test_what_is_not_known_is_said_to_be_unknown_and_gets_no_advice(self, opened: Chrome) -> None:
        _paste(opened, "fatal: subscription permissions violation on leafnode zzzz77")
        assert _said(opened) == "This text matches no row."
        assert _answers(opened) == []
        assert _shown(opened)
        assert "Do" not in opened.find_element("id", "found").text.split()

    def test_what_is_like_nothing_is_like_nothing(self, opened: Chrome) -> None:
        _paste(opened, "zzzzqqq")
        assert _said(opened) == "This text matches no row."
        assert _shown(opened) == []

    def test_the_values_in_it_are_shown(self, opened: Chrome) -> None:
        _paste(opened, "-ERR 'Permissions Violation for Publish to \"orders.new\"'")
        assert "subject = orders.new" in opened.find_element("css selector", ".answer .values").text

    def test_an_error_inside_somebodys_words_says_so(self, opened: Chrome) -> None:
        _paste(opened, 'we saw "Authorization Violation" again last night and restarted')
        assert "found inside other text" in opened.find_element("css selector", ".answer").text

    def test_the_same_words_elsewhere_are_shown(self, opened: Chrome) -> None:
        _paste(opened, "Authentication Timeout")
        assert {*_answers(opened), *_shown(opened)} >= {"nats/error/authentication-timeout", "nats/close/authentication-timeout"}

    def test_markup_in_a_pasted_text_stays_text(self, opened: Chrome) -> None:
        _paste(opened, "-ERR 'Permissions Violation for Publish to \"<img src=x onerror=window.bad=1>\"'")
        assert _answers(opened)
        assert opened.execute_script("return window.bad === undefined && !document.querySelector('main img')") is True

    @pytest.mark.parametrize(("kind", "text"), EXAMPLES)
    def test_every_example_finds_something(self, opened: Chrome, kind: str, text: str) -> None:
        opened.execute_script(
            "[...document.querySelectorAll('.example')].find((one) => one.textContent === arguments[0]).click()", kind
        )
        assert opened.find_element("id", "q").get_attribute("value") == text
        assert _answers(opened) or _shown(opened)

    def test_what_is_copied_is_the_command_that_the_page_of_the_error_says(self, opened: Chrome) -> None:
        opened.execute_script("navigator.clipboard.writeText = (words) => { window.copied = words; return Promise.resolve() }")
        commands = {}
        for slug in [*COMMON, "nats/error/permissions-violation-for-publish-to-subject"]:
            opened.execute_script("location.hash = arguments[0]; window.dispatchEvent(new Event('hashchange'))", f"#{slug}")
            opened.find_element("css selector", ".answer .copy").click()
            commands[slug] = opened.execute_script("return window.copied")
        assert commands == {slug: command_of(by_slug()[slug]) for slug in commands}


class TestSearching:
    @pytest.mark.parametrize(
        ("typed", "slug"),
        [
            ("stale connection", "nats/error/stale-connection"),
            ("10059", "nats/jetstream/10059"),
            ("JSStreamNotFoundErr", "nats/jetstream/10059"),
            ("ECONNREFUSED", "transport/os/econnrefused"),
            ("see-other-host", "xmpp/stream/see-other-host"),
        ],
    )
    def test_a_text_a_code_and_a_constant_open_their_row(self, opened: Chrome, typed: str, slug: str) -> None:
        _type(opened, typed)
        assert slug in _answers(opened)

    def test_a_part_of_a_name_lists_the_rows_that_have_it(self, opened: Chrome) -> None:
        _type(opened, "slow consum")
        assert _answers(opened) == []
        assert "nats/error/slow-consumer-detected" in _shown(opened)[:3]

    def test_a_reason_finds_all_its_rows(self, opened: Chrome) -> None:
        _type(opened, "limits.slow_consumer")
        expected = {entry.slug for entry in by_slug().values() if entry.placed.row.reason is Reason.LIMITS_SLOW_CONSUMER}
        assert expected <= {*_answers(opened), *_shown(opened)}

    @pytest.mark.parametrize(
        ("called", "slug"), [("wrong password", "xmpp/sasl/not-authorized"), ("duplicate login", "xmpp/stream/conflict")]
    )
    def test_what_people_call_it_finds_it(self, opened: Chrome, called: str, slug: str) -> None:
        _type(opened, called)
        assert slug in _shown(opened)[:4]

    def test_escape_brings_all_rows_back_in_their_order(self, opened: Chrome) -> None:
        _type(opened, "timeout")
        opened.find_element("id", "q").send_keys("\ue00c")
        assert _shown(opened) == list(by_slug())
        assert _answers(opened) == []


class TestFiltering:
    @pytest.fixture(autouse=True)
    def _open(self, opened: Chrome) -> None:
        opened.find_element("id", "more").click()

    def test_filters_of_one_kind_add_and_of_several_narrow(self, opened: Chrome) -> None:
        for name, value in (("protocol", "xmpp"), ("category", "auth"), ("category", "limits"), ("evidence", "provoked")):
            opened.execute_script(f"document.querySelector('input[name={name}][value={value}]').click()")
        expected = [
            entry.slug
            for entry in by_slug().values()
            if entry.protocol == "xmpp"
            and entry.placed.row.reason.category in {"auth", "limits"}
            and entry.placed.row.evidence.startswith("provoked")
        ]
        assert _shown(opened) == expected
        assert expected

    @pytest.mark.parametrize("step", STEPS)
    def test_what_is_to_be_done_is_a_filter_in_words(self, opened: Chrome, step: str) -> None:
        expected = [entry.slug for entry in by_slug().values() if entry.placed.row.recovery == step]
        label = opened.execute_script(f"return document.querySelector('input[name=step][value={step}]').nextSibling.textContent")
        assert label == f"{STEPS[step]} {len(expected)}"
        opened.execute_script(f"document.querySelector('input[name=step][value={step}]').click()")
        assert _shown(opened) == expected

    def test_filters_hold_for_a_search(self, opened: Chrome) -> None:
        opened.execute_script("document.querySelector('input[name=protocol][value=nats]').click()")
        _paste(opened, "conflict")
        assert _answers(opened) + _shown(opened)
        assert all(slug.startswith("nats/") for slug in _answers(opened) + _shown(opened))


class TestLinks:
    def test_a_link_opens_its_row(self, browser: Chrome, address: str) -> None:
        browser.get("about:blank")
        browser.get(f"{address}#xmpp/stanza/conflict")
        script = (
            "const box = document.querySelector('.answer').getBoundingClientRect(); return box.top >= 0 && box.top < innerHeight"
        )
        assert _answers(browser) == ["xmpp/stanza/conflict"]
        assert browser.execute_script(script) is True

    def test_the_address_follows_what_is_opened(self, opened: Chrome) -> None:
        opened.find_element("css selector", "#common a[href='catalogue/nats/error/stale-connection.html']").click()
        assert _answers(opened) == ["nats/error/stale-connection"]
        assert opened.current_url.endswith("#nats/error/stale-connection")

    def test_a_search_can_be_linked(self, browser: Chrome, address: str) -> None:
        browser.get("about:blank")
        browser.get(f"{address}#?q=slow+consum&protocol=nats")
        shown = _shown(browser)
        assert shown
        assert all(slug.startswith("nats/") for slug in shown)

    def test_an_answer_leads_to_its_page_and_back(self, opened: Chrome) -> None:
        _paste(opened, "nats: timeout")
        opened.find_element("link text", "Open the page of this error").click()
        assert opened.current_url.endswith("catalogue/nats/client/nats.errors.timeouterror.html")
        assert opened.find_element("css selector", "h1").text == by_slug()["nats/client/nats.errors.timeouterror"].placed.key
        opened.find_element("link text", "Open it in the catalogue").click()
        assert _answers(opened) == ["nats/client/nats.errors.timeouterror"]


def _as_in_the_catalogue(label: str, text: str) -> str:
    # The sources stand only in the page of the error.
    return (text.partition(";")[0] if label == "Evidence" else text).replace("`", "")


class TestEveryAnswer:
    def test_it_says_what_the_page_of_the_error_says(self, opened: Chrome) -> None:
        # The script puts the facts together from columns and from the list of the page. Every seventh row shows a shift.
        said = opened.execute_script(
            """
            const all = (name) => [...document.querySelectorAll(name)];
            const texts = (name) => all(`.answer ${name}`).map((one) => one.textContent);
            const links = () => all(".answer .further li a").map((one) => one.getAttribute("href").slice(1));
            return all("#all .row > a").filter((_, at) => at % 7 === 0).map((row) => {
                row.click();
                return [texts("dt"), texts("dd"), links(), texts(".chips .reason, .answer .chips .step")];
            });
            """
        )
        others = related(by_slug().values())
        wrong = [
            (slug, facts)
            for (slug, entry), facts in zip(list(by_slug().items())[::7], said or [], strict=True)
            if facts
            != [
                [label for label, _ in entry.facts()],
                [_as_in_the_catalogue(label, text) for label, text in entry.facts()],
                [one.slug for rows in others[slug] for one in rows],
                [str(entry.placed.row.reason), entry.step],
            ]
        ]
        assert wrong == []


class TestTheKeyboard:
    def test_slash_searches_arrows_move_enter_opens_and_escape_goes_back(self, opened: Chrome) -> None:
        body = opened.find_element("css selector", "body")
        opened.execute_script("document.activeElement.blur()")
        body.send_keys("/")
        assert opened.switch_to.active_element.get_attribute("id") == "q"
        opened.switch_to.active_element.send_keys("slow consum")
        rows = _shown(opened)
        for row in rows[:2]:
            opened.switch_to.active_element.send_keys("\ue015")
            assert str(opened.execute_script("return document.activeElement.getAttribute('href')")) == f"catalogue/{row}.html"
        opened.switch_to.active_element.send_keys("\ue007")
        assert _answers(opened) == [rows[1]]
        body.send_keys("\ue00c")
        assert opened.switch_to.active_element.get_attribute("id") == "q"
        assert _shown(opened) == list(by_slug())


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
