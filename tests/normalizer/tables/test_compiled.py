"""The compiled form of tables says what the TOML files say, and is not used if it was made from other files."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from importlib.resources import files as resources
from pathlib import Path

import pytest

from errnorm import plugins
from errnorm.installed import entry_points
from errnorm.tables import load
from errnorm.tables.compiled import compiled, files, name_of
from errnorm.tables.file import evidence_of, read
from errnorm.tables.source import TableError
from errnorm.tables.table import Table

PROTOCOLS = ["nats", "xmpp", "transport"]
FOLDER = Path(str(resources("errnorm_mappings")))
EVIDENCE = (FOLDER / "evidence.json").read_text("utf-8")


@cache
def texts(protocol: str) -> dict[str, str]:
    points = [point for point in entry_points("errnorm.mappings") if point.name.partition(".")[0] == protocol]
    return {point.attr: (FOLDER / point.attr).read_text("utf-8") for point in sorted(points, key=lambda point: point.name)}


@cache
def form(protocol: str) -> str:
    return compiled(texts(protocol), protocol, EVIDENCE)


def data(protocol: str) -> dict[str, bytes]:
    return {name: text.encode() for name, text in texts(protocol).items()}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_has_the_same_rows_and_sections_as_the_files(protocol: str) -> None:
    generated = evidence_of(EVIDENCE).get(protocol)
    written = Table([read(text, name, protocol, evidence=generated) for name, text in texts(protocol).items()])
    found = files(form(protocol).encode(), data(protocol), EVIDENCE.encode())
    assert found is not None
    table = Table(list(found.values()))
    assert [(place, entry.row, entry.version, entry.origin) for place, entry in table.rows.items()] == [
        (place, entry.row, entry.version, entry.origin) for place, entry in written.rows.items()
    ]
    assert {name: section.head for name, section in table.sections.items()} == {
        name: section.head for name, section in written.sections.items()
    }
    assert (table.kinds, table.version, table.underlies) == (written.kinds, written.version, written.underlies)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_finds_the_same_row_for_every_text(protocol: str) -> None:
    written = plugins.load_table(protocol)
    found = files(form(protocol).encode(), data(protocol), EVIDENCE.encode())
    assert found is not None
    table = Table(list(found.values()))
    for (section, _), entry in written.rows.items():
        for text in (*entry.texts(), entry.code):
            for where in (section, None):
                one, other = written.find(where, text), table.find(where, text)
                assert (one and (one[0].section, one[0].key)) == (other and (other[0].section, other[0].key))


@pytest.mark.parametrize("changed", ["file", "evidence", "format"])
def test_it_is_not_used_if_something_has_changed(changed: str) -> None:
    now, made = data("transport"), form("transport").encode()
    if changed == "file":
        now["transport.toml"] += b"\n# a comment\n"
    evidence = EVIDENCE + " " if changed == "evidence" else EVIDENCE
    of_another_version = made.replace(b'"format":2', b'"format":1', 1)
    assert of_another_version != made
    assert files(of_another_version if changed == "format" else made, now, evidence.encode()) is None


def test_it_is_used_if_only_the_ends_of_the_lines_have_changed() -> None:
    now = {name: each.replace(b"\n", b"\r\n") for name, each in data("transport").items()}
    assert files(form("transport").encode(), now, EVIDENCE.encode()) is not None


def test_a_table_with_a_compiled_form_needs_no_pydantic(tmp_path: Path) -> None:
    # The package of a plug-in, as its build would lay it out.
    package = tmp_path / "errnorm_transport_copy"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "evidence.json").write_text(EVIDENCE)
    (package / name_of("transport")).write_text(form("transport"), "utf-8")
    for name, text in texts("transport").items():
        (package / name).write_text(text, "utf-8")
    program = (
        "import sys, errnorm.settings\n"
        "from errnorm.installed import EntryPoint\n"
        "from errnorm.tables import load\n"
        "points = [EntryPoint('transport', 'errnorm_transport_copy:transport.toml', 'errnorm.mappings')]\n"
        "assert load.table('transport', points, []).find('os', 'ECONNREFUSED')\n"
        "errnorm.settings.Settings.load({})\n"
        "assert not {'pydantic', 'tomli'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)


def test_two_plugins_with_the_same_row_are_refused_whether_compiled_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = '"ECONNREFUSED" = { reason = "transport.refused", recovery = "reconnect", terminal = true, effect = "unknown" '
    head = 'protocol = "transport"\nversion = "1"\n[os]\n'
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "more_of_transport.py").touch()
    (tmp_path / "more.toml").write_text(head + row + ', reach = "client", source = "s" }\n')
    points = plugins._points_of("transport")
    more = type(points[0])("transport.more", "more_of_transport:more.toml", "errnorm.mappings")
    found = files(form("transport").encode(), data("transport"), EVIDENCE.encode())
    assert found is not None
    monkeypatch.setattr(
        load,
        "_of_module",
        lambda module, names, protocol: (
            found
            if module == "errnorm_mappings"
            else {
                name: read(each.decode(), name, protocol, sections={**next(iter(found.values())).head.sections})
                for name, each in names.items()
            }
        ),
    )
    with pytest.raises(TableError, match=r"ECONNREFUSED.*there is such a row"):
        load.table("transport", [*points, more], [])
