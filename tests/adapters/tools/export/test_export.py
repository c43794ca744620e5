"""What is exported says of every text what the tables say, and the tools that are here can read it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from errnorm import normalize, plugins
from errnorm_adapters.tools.export import WRITERS, main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from errnorm.tables.table import Table

DATA = Path(__file__).parents[3] / "data"
OTTL = Path(__file__).parents[4] / ".venv" / "ottl"
VRL = Path(__file__).parents[4] / ".venv" / "vrl"
FAIL2BAN = shutil.which("fail2ban-regex")
LOGIN = '[7] 2026/11/29 10:00:00.000001 [ERR] 127.0.0.1:4222 - cid:7 - "v1:go:shop" - authentication error - User "ann"'
EJABBERD = (
    "2026-11-29 10:00:00.000000+00:00 [warning] <0.612.0>@ejabberd_c2s:process_auth_result:281 (tcp|<0.612.0>) "
    "Failed c2s PLAIN authentication for ann@example from 10.0.0.7: Invalid username or password"
)


@cache
def tables() -> tuple[Table, ...]:
    return tuple(plugins.load_table(protocol) for protocol in plugins.protocols())


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads("\n".join(WRITERS["json"](tables())))
    return found


@cache
def written(form: str) -> str:
    return "\n".join(WRITERS[form](tables()))


def in_sections() -> dict[tuple[str, str], list[dict[str, Any]]]:
    sections: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in document()["rows"]:
        sections.setdefault((row["protocol"], row["section"]), []).append(row)
    return sections


def test_every_row_of_every_table_is_exported() -> None:
    assert len(document()["rows"]) == sum(len(table.rows) for table in tables())
    assert document()["tables"] == {table.protocol: table.version for table in tables()}
    assert document()["contract"] == 1


def test_a_sample_is_matched_by_its_own_row_and_by_no_other_of_its_section() -> None:
    wrong = []
    for rows in in_sections().values():
        compiled = [(row["key"], re.compile(text)) for row in rows for text in row["expressions"]]
        for row in rows:
            for own, sample in zip(row["expressions"], row["samples"], strict=True):
                if not re.match(own, sample):
                    wrong.append((row["key"], sample, "not by its own"))
                matching = {key for key, text in compiled if text.match(sample)}
                # Of a text and a template that match the same, the text counts: it is asked first.
                wrong += [(row["key"], sample, key) for key in matching - {row["key"]} if "(?P<" in own]
    assert not wrong, wrong[:5]


def test_the_dialect_of_go_and_rust_reads_every_expression_as_python_does() -> None:
    match: Any = getattr(pc, "match_substring_regex")  # noqa: B009 - Arrow makes the function as it is imported
    for row in document()["rows"]:
        for text, sample in zip(row["expressions"], row["samples"], strict=True):
            others = pa.array([sample, f"x{sample}", f"{sample}\nx", ""])
            python = [re.match(text, other) is not None for other in others.to_pylist()]
            assert match(others, text).to_pylist() == python, text


def vectors() -> Iterator[tuple[str, str, str, str]]:
    """Yield what a vector says, in which section, with which row."""
    for file in sorted((DATA / "vectors").glob("*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            raw = json.loads(line).get("raw")
            error = normalize(raw) if isinstance(raw, str) else None
            if error is None or error.row is None or error.section is None or error.signal.code is None:
                continue
            table = next(table for table in tables() if table.protocol == error.judgement.protocol)
            section = table.sections[error.section]
            found = section.match(error.signal.code)
            if found is not None and found[0].key == error.row.key:
                yield table.protocol, error.section, error.row.key, error.signal.code


def test_every_text_of_the_vectors_is_matched_by_the_row_that_errnorm_finds() -> None:
    expressions = {(row["protocol"], row["section"], row["key"]): row["expressions"] for row in document()["rows"]}
    seen = list(dict.fromkeys(vectors()))
    assert len(seen) > 300
    for protocol, section, key, said in seen:
        assert any(re.match(text, said) for text in expressions[protocol, section, key]), said


@pytest.mark.parametrize("form", ["vrl", "ottl"])
def test_a_program_for_logs_names_each_reason_of_a_log(form: str) -> None:
    text = written(form)
    logged = [row for row in document()["rows"] if row["section"] == "log" and any(" " in one for one in row["samples"])]
    assert {row["reason"] for row in logged} <= set(re.findall(r'"([a-z]+\.[a-z_]+)"', text))


def statements() -> list[str]:
    return [line.strip()[3:-1].replace("''", "'") for line in written("ottl").splitlines() if line.startswith("        - '")]


def test_ottl_is_yaml_whose_expressions_read_as_the_tables_do() -> None:
    said = [
        json.loads(found)
        for line in statements()
        for found in re.findall(r'IsMatch\(cache\["said"\], ("(?:[^"\\]|\\.)*")\)', line)
    ]
    assert len(said) > 500
    assert set(said) <= {text for row in document()["rows"] for text in row["expressions"]}


def test_a_raw_string_of_vrl_holds_no_quote_that_ends_it() -> None:
    for found in re.findall(r"match\(said, r'(.*?)'\)(?: \|\| |\) \{)", written("vrl")):
        assert "'" not in found
        re.compile(found)


def test_a_string_of_vrl_stands_for_no_variable() -> None:
    codes = [line for line in written("vrl").splitlines() if '."errnorm.code" = ' in line]
    assert any(r"\{{" in line for line in codes)
    assert not [line for line in codes if re.search(r"(?<!\\)\{\{", line)]


@pytest.mark.skipif(not OTTL.exists(), reason="the Collector's OTTL is not built: make test-exports")
def test_the_language_of_the_collector_names_the_reason_of_every_line_of_a_server() -> None:
    assert_agreed(OTTL, {"statements": statements()})


@pytest.mark.skipif(not VRL.exists(), reason="the language of Vector is not built: make test-exports")
def test_the_language_of_vector_names_the_reason_of_every_line_of_a_server() -> None:
    assert_agreed(VRL, {"program": written("vrl")})


def assert_agreed(tool: Path, given: dict[str, Any]) -> None:
    """Run an exported program in its tool on the lines of servers, and compare what it names with what errnorm names."""
    bodies = list(dict.fromkeys(lines_of_servers()))
    whole = json.dumps({**given, "bodies": bodies})
    done = subprocess.run([tool], input=whole, capture_output=True, text=True, check=True, timeout=300)
    refined = {entry.code for table in tables() for entry in table.rows.values() if entry.row.refined}
    agreed = 0
    for body, found in zip(bodies, json.loads(done.stdout), strict=True):
        error = normalize(body, "nats")
        if found.get("error.type") == error.reason.value:
            agreed += 1
        else:
            # The export does not look for an error inside the text of another one.
            assert found.get("errnorm.code") in refined or ("error.type" not in found and "Error '" in body), body
    assert agreed > 40


def lines_of_servers() -> Iterator[str]:
    for file in sorted((DATA / "vectors").glob("nats-server*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            raw = json.loads(line).get("raw")
            if isinstance(raw, str) and re.match(r"\[1\] 2026/\S+ \S+ \[(?:ERR|WRN|FTL)\] [^\n]+$", raw.strip()):
                yield raw.strip()


@pytest.mark.skipif(FAIL2BAN is None, reason="fail2ban is not installed")
def test_fail2ban_finds_refused_logins_with_their_address_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "errnorm.conf").write_text(written("fail2ban") + "\n")
    others = [
        LOGIN.replace("authentication error", "Publish Violation").replace('User "ann"', 'Subject "a"'),
        # What a client writes into its name or a subject is not the line of a login.
        LOGIN.replace("shop", 'x\\" - authentication error - User \\"y').replace("authentication error - User", "No such thing"),
        LOGIN.replace("cid", "rid"),
        EJABBERD.replace(" (tcp", " somebody says (tcp"),
        "2026-11-29 10:00:00 " + EJABBERD[EJABBERD.index("(tcp") :],
    ]
    (tmp_path / "log").write_text("\n".join([LOGIN, EJABBERD, *others]) + "\n")
    command = [FAIL2BAN or "", str(tmp_path / "log"), str(tmp_path / "errnorm.conf"), "-o", "<ip>"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120).stdout
    assert said.split() == ["127.0.0.1", "10.0.0.7"]


def test_the_command_prints_a_form_and_refuses_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["json"]) == 0
    assert json.loads(capsys.readouterr().out)["contract"] == 1
    with pytest.raises(SystemExit):
        main(["prolog"])
    assert "fail2ban" in capsys.readouterr().err
