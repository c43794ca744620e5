"""Upstream against the tables: on small samples and tables that are in step, then with one of them changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from errnorm.tables.file import read
from errnorm.tables.source import TableError
from errnorm.tables.table import Table
from errnorm_adapters.tools import drift
from errnorm_adapters.tools.drift import reading

SAMPLES = Path(__file__).parents[2] / "data" / "drift"

NEVER_RUN = "raise SystemExit('a sample is read, never imported')\n"
LIBRARIES = {
    "nats/__init__.py": NEVER_RUN,
    "nats/errors.py": (
        "import asyncio\nclass Error(Exception): ...\nclass TimeoutError(Error, asyncio.TimeoutError): ...\nclass Settings: ...\n"
    ),
    "nats/js/__init__.py": NEVER_RUN,
    "nats/js/errors.py": "import nats.errors\n\n\nclass APIError(nats.errors.Error): ...\n",
    "nats/js/api.py": "from nats.js.errors import APIError\n\n\nclass StrangeError(APIError): ...\n",
    "nats/tests/errors.py": "class TestError(Exception): ...\n",
    "nats/other_python.py": "print 'not for this one'\n",
    "nats_py-9.9.0.dist-info/METADATA": "Name: nats-py\n",
    "slixmpp/__init__.py": NEVER_RUN,
    "slixmpp/exceptions.py": "class XMPPError(Exception): ...\n",
    "slixmpp/stanza/__init__.py": NEVER_RUN,
    "slixmpp/stanza/error.py": (
        "class Error(ElementBase):\n    conditions = {'forbidden', 'gone'}\n    types = {'cancel', 'wait'}\n"
    ),
}
NATS = "nats-server/server/"

Seen = tuple[str, str, str]


@pytest.fixture(autouse=True)
def small_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Compare with the tables beside the samples, as a test left them."""

    def load(protocol: str) -> Table:
        file = tmp_path / f"{protocol}.toml"
        return Table([read(file.read_text("utf-8"), file.name)])

    monkeypatch.setattr(reading, "load_table", load)


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """Return a copy of all samples that a test may change."""
    shutil.copytree(SAMPLES, tmp_path, dirs_exist_ok=True)
    for name, source in LIBRARIES.items():
        file = tmp_path / "libraries" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, "utf-8")
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    """Change one place of a sample; fail if it is not there."""
    text = file.read_text("utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), "utf-8")


def seen(path: Path) -> set[Seen]:
    """Return kind, section and name of every difference."""
    return {(str(one.kind), one.section, one.name) for found in drift.read(path) for one in found.findings}


@pytest.mark.parametrize(
    "name", ["nats-server", "nats-server/server", "xmpp", "xmpp/rfcs/rfc6120.xml", "libraries", "libraries/nats"]
)
def test_samples_in_step_with_their_tables_have_no_drift(upstream: Path, name: str) -> None:
    assert seen(upstream / name) == set()
    assert drift.main([str(upstream / name)]) == 0


def test_everything_of_a_server_is_read(upstream: Path) -> None:
    (server,) = drift.read(upstream / "nats-server")

    assert (server.upstream, server.version) == ("nats-server", "9.9.9")
    assert server.counts == {
        "API errors": 2,
        "named errors": 3,
        "close reasons": 2,
        "texts of -ERR": 5,
        "status lines": 2,
        "formats of the log": 2,
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "differences"),
    [
        ("errors.json", '"error_code": 10059', '"error_code": 10060', {
            ("no row", "jetstream", "10060 JSStreamNotFoundErr"),
            ("lost its source", "jetstream", "JSStreamNotFoundErr"),
        }),
        ("errors.json", '"stream not found"', '"no such stream"', {("text changed", "jetstream", "JSStreamNotFoundErr")}),
        ("errors.json", '"code": 404', '"code": 410', {("text changed", "jetstream", "JSStreamNotFoundErr")}),
        ("errors.json", '"JSStreamNotFoundErr"', '"JSStreamGoneErr"', {("text changed", "jetstream", "JSStreamNotFoundErr")}),
        ("errors.go", "ErrMappingArg ", "ErrNew = errors.New(`x`)\n\tErrMappingArg ", {("no row", "error", "ErrNew")}),
        ("errors.go", "too few arguments", "too many arguments", {("text changed", "error", "ErrMappingArg")}),
        ("errors.go", "\tErrTooManySubs =", "\tErrSubs =", {("text changed", "error", "ErrTooManySubs")}),
        ("monitor.go", '"Kicked"', '"Thrown Out"', {("text changed", "close", "Kicked")}),
        ("monitor.go", "case Kicked:", "case ThrownOut:", {("text changed", "close", "Kicked")}),
        ("monitor.go", 'case Kicked:\n\t\treturn "Kicked"', 'case Odd:\n\t\treturn "Something Else Entirely"', {
            ("no row", "close", "Odd"),
            ("lost its source", "close", "Kicked"),
        }),
        ("client.go", "Violation for Publish to", "Violation for Any Publish to", {
            ("text changed", "error", 'Permissions Violation for Publish to "{subject}"'),
        }),
        ("client.go", "Loop detected for %q, delaying for %v", "Circle: %v %d", {
            ("no row", "error", "Circle: %v %d"),
            ("lost its source", "error", 'Loop detected for "{name}", delaying for {delay}'),
        }),
        ("client.go", "Publish Violation", "Violation", {("text changed", "log", 'Publish Violation - Subject "{subject}"')}),
        ("server.go", "resource limits exceeded for", "has run out of room on", {
            ("lost its source", "log", "JetStream memory resource limits exceeded for server"),
            ("no row", "log", "JetStream %s has run out of room on server"),
        }),
        ("client.go", 'c.Errorf("Publish', 'c.Warnf("Planted by %s: "+\n\t\t"%d times", a, b)\n\tc.Errorf("Publish', {
            ("no row", "log", "Planted by %s: %d times"),
        }),
        ("client.go", "func (c *client) looped", """func planted() {
\tn.warn("Planted words of a group")
\tfs.srv.send("io.nats.jetstream.advisory.v1.planted")
\tvar _ = errors.New("planted error of another file")
\tvar ErrPlanted = errors.New("a planted name")
\tc.sendErr(plantedText(5))
\tfmt.Errorf("only wrapped %d", 5)
}

func plantedText(n int) string {
\treturn fmt.Sprintf("Planted Violation of %d", n)
}

func (c *client) looped""", {
            ("no row", "log", "Planted words of a group"),
            ("no row", "advisory", "io.nats.jetstream.advisory.v1.planted"),
            ("no row", "error", "planted error of another file"),
            ("no row", "error", "a planted name"),
            ("no row", "error", "Planted Violation of %d"),
        }),
        ("consumer.go", "func (o *consumer) gone() {",
         'func (o *consumer) gone() {\n\thdr := fmt.Appendf(nil, "NATS/1.0 %d %s\\r\\n\\r\\n", 499, "Planted Status")', {
            ("no row", "status", "499 Planted Status"),
        }),
        ("consumer.go", "409 Consumer Deleted", "410 Consumer Deleted", {("text changed", "status", "409 Consumer Deleted")}),
        ("consumer.go", "Exceeded MaxRequestBatch of %d", "Too Much", {
            ("no row", "status", "409 Too Much"),
            ("lost its source", "status", "409 Exceeded MaxRequestBatch of {limit}"),
        }),
    ],
)  # fmt: skip
def test_a_change_in_the_server_is_noticed(upstream: Path, file: str, old: str, new: str, differences: set[Seen]) -> None:
    edit(upstream / NATS / file, old, new)

    assert seen(upstream / "nats-server") == differences
    assert drift.main([str(upstream / "nats-server")]) == 1


def test_a_changed_text_is_told_with_both_wordings(upstream: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(upstream / NATS / "monitor.go", '"Kicked"', '"Thrown Out"')

    drift.main([str(upstream / "nats-server")])

    assert "text changed    [close] Kicked 'Kicked' is now 'Thrown Out' (monitor.go)" in capsys.readouterr().out


@pytest.mark.parametrize("section", ["error", "close", "status", "jetstream"])
def test_a_row_taken_from_the_table_is_missed(upstream: Path, section: str) -> None:
    keys = {"error": '"maximum subs', "close": '"Kicked"', "status": '"409 Consumer', "jetstream": '"10059"'}
    lines = (upstream / "nats.toml").read_text("utf-8").splitlines()
    (upstream / "nats.toml").write_text("\n".join(line for line in lines if not line.startswith(keys[section])), "utf-8")

    assert {(kind, where) for kind, where, _ in seen(upstream / "nats-server")} == {("no row", section)}


def test_a_text_that_a_client_raises_in_a_bare_exception_is_noticed(upstream: Path) -> None:
    client = upstream / "libraries" / "nats" / "client.py"
    client.write_text(
        """
def f(reason):
    raise RuntimeError("planted words")
    raise ConnectionError(f"planted: {reason} again")
    raise ValueError("a mistake of the programmer")
""",
        "utf-8",
    )

    assert seen(upstream / "libraries") == {("no row", "client", "planted words"), ("no row", "client", "planted: word again")}


def test_a_row_about_older_servers_has_not_lost_its_source(upstream: Path) -> None:
    table = upstream / "nats.toml"
    row = '\n[log."Written by an older server"]\nreason = "transport.internal"\nrecovery = "abandon"\nterminal = false\n'
    rest = 'effect = "unknown"\nreach = "log"\nsource = "server/raft.go{}"\n'
    table.write_text(table.read_text("utf-8") + row + rest.format(""), "utf-8")
    assert seen(upstream / "nats-server") == {("lost its source", "log", "Written by an older server")}
    table.write_text(table.read_text("utf-8").replace("server/raft.go", "server/raft.go up to 2.9"), "utf-8")
    assert seen(upstream / "nats-server") == set()


def test_errors_json_alone_is_enough(upstream: Path) -> None:
    (server,) = drift.read(upstream / NATS / "errors.json")

    assert server.counts == {"API errors": 2}
    assert server.findings == []


def test_tests_and_generated_code_of_the_server_are_passed_over(upstream: Path) -> None:
    for name in ("client_test.go", "errors_generated.go"):
        (upstream / NATS / name).write_text('package server\n\nfunc x() {\n\tc.sendErr("Only Here")\n}\n', "utf-8")

    assert seen(upstream / "nats-server") == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "differences"),
    [
        ("registry/errors.xml", "too-many-stanzas", "too-few-stanzas", {
            ("no row", "app", "urn:xmpp:errors too-few-stanzas"),
            ("lost its source", "app", "urn:xmpp:errors too-many-stanzas"),
        }),
        ("rfcs/rfc6120.xml", "name='forbidden'", "name='forborne'", {
            ("no row", "stanza", "forborne"),
            ("lost its source", "stanza", "forbidden"),
        }),
        ("rfcs/rfc6120.xml", "name='aborted'", "name='broken-off'", {
            ("no row", "sasl", "broken-off"),
            ("lost its source", "sasl", "aborted"),
        }),
        ("xeps/xep-0124.xml", "host-gone", "host-left", {
            ("no row", "bosh", "host-left"),
            ("lost its source", "bosh", "host-gone"),
        }),
        ("xeps/xep-9001.xml", "<xs:element name='shade'", "<xs:element name='too-red'", {
            ("no row", "app", "http://example.org/things#errors too-red"),
        }),
        ("xeps/xep-9002.xml", "Deferred", "Stable", {("no row", "app", "http://example.org/shelved#errors never-built")}),
    ],
)  # fmt: skip
def test_a_change_in_a_standard_is_noticed(upstream: Path, file: str, old: str, new: str, differences: set[Seen]) -> None:
    edit(upstream / "xmpp" / file, old, new)

    assert seen(upstream / "xmpp") == differences


def test_a_condition_that_only_the_prose_of_the_rfc_has_keeps_its_source(upstream: Path) -> None:
    edit(
        upstream / "xmpp/rfcs/rfc6120.xml", '<section title="not-in-schema" anchor="stanzas-error-conditions-not-in-schema"/>', ""
    )

    assert seen(upstream / "xmpp") == {("lost its source", "stanza", "not-in-schema")}


def test_an_old_copy_of_a_schema_in_a_xep_takes_no_row_its_source(upstream: Path) -> None:
    schema = "<xs:schema targetNamespace='urn:ietf:params:xml:ns:xmpp-stanzas'><xs:element name='gone'/></xs:schema>"
    (upstream / "xmpp/xeps/xep-0001.xml").write_text(f"<xep>{schema}</xep>", "utf-8")

    assert seen(upstream / "xmpp") == set()


def test_libraries_are_read_and_never_imported(upstream: Path) -> None:
    (found,) = drift.read(upstream / "libraries")

    assert found.version == "nats 9.9.0 slixmpp (version unknown)"
    assert found.counts == {"exception classes": 5, "conditions": 2, "texts of bare exceptions": 0}


@pytest.mark.parametrize(
    ("file", "added", "differences"),
    [
        ("nats/errors.py", "class NewError(Error): ...\n", {("no row", "client", "nats.errors.NewError")}),
        ("nats/js/api.py", "class OtherError(ValueError): ...\n", {("no row", "client", "nats.js.api.OtherError")}),
        ("nats/js/api.py", "class OtherError(ConnectionError): ...\n", set()),
        ("slixmpp/exceptions.py", "class Odd(XMPPError): ...\n", {("no row", "client", "slixmpp.exceptions.Odd")}),
    ],
)
def test_a_new_exception_is_noticed(upstream: Path, file: str, added: str, differences: set[Seen]) -> None:
    with (upstream / "libraries" / file).open("a", encoding="utf-8") as module:
        module.write(added)

    assert seen(upstream / "libraries") == differences


def test_an_exception_that_is_gone_takes_its_row_the_source(upstream: Path) -> None:
    edit(upstream / "libraries/nats/js/errors.py", "class APIError(nats.errors.Error): ...", "")

    assert ("lost its source", "client", "nats.js.errors.APIError") in seen(upstream / "libraries")


def test_an_exception_that_is_imported_from_elsewhere_is_still_there(upstream: Path) -> None:
    edit(upstream / "libraries/nats/js/errors.py", "class APIError(nats.errors.Error): ...", "from nats.js.api import APIError")

    assert seen(upstream / "libraries") == set()


def test_a_condition_that_a_library_adds_is_noticed(upstream: Path) -> None:
    edit(upstream / "libraries/slixmpp/stanza/error.py", "'gone'", "'gone', 'forebidden'")

    assert seen(upstream / "libraries") == {("no row", "stanza", "forebidden")}


def test_a_virtual_environment_is_searched(upstream: Path) -> None:
    packages = upstream / "venv/lib/python3.99/site-packages"
    packages.parent.mkdir(parents=True)
    (upstream / "libraries").rename(packages)

    assert [found.upstream for found in drift.read(upstream / "venv")] == ["client libraries"]


def test_a_package_spread_over_the_distributions_of_a_source_tree_is_read_whole(upstream: Path) -> None:
    tree = upstream / "tree"
    (tree / "nats").mkdir(parents=True)
    (tree / "nats" / "pyproject.toml").write_text("", "utf-8")
    shutil.copytree(upstream / "libraries" / "nats", tree / "nats" / "src" / "nats")
    (tree / "nats-core" / "src" / "nats" / "client").mkdir(parents=True)
    (tree / "nats-core" / "src" / "nats" / "client" / "errors.py").write_text("class CoreError(Exception): ...\n", "utf-8")

    assert seen(tree) == {("no row", "client", "nats.client.errors.CoreError")}


def test_json_says_the_same_as_the_text(upstream: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(upstream / NATS / "monitor.go", '"Kicked"', '"Thrown Out"')

    assert drift.main([str(upstream / "nats-server"), "--format", "json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)

    assert (found["upstream"], found["version"], found["tables"]) == ("nats-server", "9.9.9", "nats 1")
    assert found["findings"] == [
        {
            "kind": "text changed",
            "section": "close",
            "name": "Kicked",
            "upstream": "Thrown Out",
            "row": "Kicked",
            "where": "monitor.go",
        }
    ]


def test_several_paths_are_told_one_after_another(upstream: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert drift.main([str(upstream / "nats-server"), str(upstream / "xmpp")]) == 0

    assert [line.split(" at ")[0] for line in capsys.readouterr().out.splitlines() if " at " in line] == [
        "nats-server 9.9.9",
        "XMPP conditions (version unknown)",
    ]


@pytest.mark.parametrize(
    "broken",
    ["not json", '{"a": 1}', "[1]", '[{"constant": "X"}]', '[{"error_code": 1, "constant": "X"}]'],
)
def test_a_broken_list_of_errors_is_one_line_and_exit_code_2(
    upstream: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (upstream / NATS / "errors.json").write_text(broken, "utf-8")

    assert drift.main([str(upstream / "nats-server")]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "errors.json" in said.err


@pytest.mark.parametrize("name", ["nothing-here", "", "nats.toml"])
def test_a_path_of_no_use_is_one_line_and_exit_code_2(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nats.toml").write_text("", "utf-8")

    assert drift.main([str(tmp_path / name)]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert str(tmp_path) in said.err


def test_a_table_of_no_use_is_exit_code_2(
    upstream: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(_: str) -> Table:
        message = "nats.toml:3: not TOML"
        raise TableError(message)

    monkeypatch.setattr(reading, "load_table", load)

    assert drift.main([str(upstream / "nats-server")]) == 2
    assert capsys.readouterr().err == "errnorm drift: nats.toml:3: not TOML\n"


def test_an_unknown_option_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        drift.main(["--nonsense"])

    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "samples"),
    [("to %q", ['to "word"']), ("%d of %d", ["7 of 7"]), ("for %v", ["for word", "for 7", "for 7s"]), ("100%%", ["100%"])],
)
def test_verbs_are_filled_in_with_what_they_may_stand_for(text: str, samples: list[str]) -> None:
    assert reading.samples(text) == samples
