"""What a service still says when it lacks something, as it does when errors come: file descriptors, or the sources."""

from __future__ import annotations

import compileall
import os
import re
import runpy
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from errnorm import described
from errnorm.member_docs import member_docs
from errnorm.tables.provenance import Evidence, Reach
from errnorm.taxonomy import Category, Effect, Reason, Recovery

if TYPE_CHECKING:
    from enum import StrEnum

ROOT = Path(__file__).parents[2]

SERVICE = """
    import logging, ssl, sys
    import errnorm, nats.errors, slixmpp

    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    errors = errnorm.Middleware()

    def fail(protocol, error):
        try:
            with errors.guard(protocol, operation="work", idempotent=True):
                raise error
        except BaseException as caught:
            print(errnorm.normalize(caught).reason, errnorm.decide(caught, idempotent=True).verdict)

    def fail_in_all_ways():
        fail("nats", OSError(24, "Too many open files"))
        fail("nats", nats.errors.NoRespondersError())
        fail("nats", nats.errors.Error('nats: permissions violation for publish to "orders"'))
        fail("nats", nats.errors.Error("nats: never heard of 17 of them"))
        fail("nats", ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired (_ssl.c:1006)"))
        stanza = slixmpp.Iq()
        stanza["error"]["condition"] = "item-not-found"
        fail("xmpp", slixmpp.exceptions.IqError(stanza))
        fail("xmpp", slixmpp.exceptions.IqTimeout(slixmpp.Iq()))
        fail("nats", ExceptionGroup("both", [nats.errors.TimeoutError(), ConnectionRefusedError(111, "Connection refused")]))
        errors.report("nats: stale connection", "nats")
        errors.report("<error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", "xmpp")
        for _ in range(20):
            fail("nats", nats.errors.NoRespondersError())
        errors.flush()
"""
ALL = "fail_in_all_ways()"
FULL = """
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    held = []
    try:
        while True:
            held.append(open("/dev/null"))
    except OSError:
        pass
"""
SEARCH = """
    print([one.error.reason.value for one in errnorm.find("nats: timeout")])
"""


def said(*parts: str, path: str = "") -> list[str]:
    """Return the lines that a service writes, with a fixed duration in each summary."""
    program = "".join(map(textwrap.dedent, parts))
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | ({"PYTHONPATH": path} if path else {})
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300, env=environ)
    assert done.stderr == ""
    return re.sub(r"in [0-9.]+ s", "in 0.1 s", done.stdout).splitlines()


@pytest.fixture(scope="module")
def usual() -> list[str]:
    lines = said(SERVICE, ALL)
    assert len(lines) > 30
    return lines


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_without_a_file_descriptor_it_says_what_it_always_says(usual: list[str]) -> None:
    assert said(SERVICE, FULL, ALL) == usual


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_without_a_file_descriptor_a_search_finds_nothing_and_says_so() -> None:
    assert said(SERVICE, FULL, SEARCH) == ["errnorm: texts cannot be searched: OSError", "[]"]


def test_without_its_sources_it_says_what_it_always_says(usual: list[str], tmp_path: Path) -> None:
    shutil.copytree(Path(described.__file__).parent, tmp_path / "errnorm", ignore=shutil.ignore_patterns("__pycache__"))
    assert compileall.compile_dir(tmp_path, quiet=2, legacy=True)
    for source in tmp_path.rglob("*.py"):
        source.unlink()
    assert said("import errnorm\nassert errnorm.__file__.endswith('.pyc')\n", SERVICE, ALL, path=str(tmp_path)) == usual


def test_the_descriptions_are_those_beside_the_words() -> None:
    expected = runpy.run_path(str(ROOT / ".ci" / "describe"))["described"]()
    assert Path(described.__file__).read_text("utf-8") == expected, "run .venv/bin/python .ci/describe"


@pytest.mark.parametrize("kind", [Category, Reason, Recovery, Effect, Reach, Evidence])
def test_each_word_has_a_description(kind: type[StrEnum]) -> None:
    assert member_docs(kind).keys() == kind.__members__.keys()
    assert all(paragraph for paragraphs in member_docs(kind).values() for paragraph in paragraphs)
