from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs/examples/errnorm-mqtt"

pytestmark = pytest.mark.slow


def _run(*command: str | Path, into: str | None = None) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, check=False, input=into)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("build", reason="no build: pip install build")
    pytest.importorskip("hatchling", reason="no hatchling: pip install hatchling")
    folder = tmp_path_factory.mktemp("mqtt")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, EXAMPLE)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    inside = folder / "venv/bin/python"
    site = Path(_run(inside, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # errnorm and what it needs come from this environment, so that nothing is fetched.
    (site / "outside.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n", "utf-8")
    _run(sys.executable, "-m", "pip", "--python", inside, "install", "-q", "--no-deps", "--no-index", wheel)
    return inside


@pytest.mark.parametrize(
    ("raw", "reason", "retryable", "terminal"),
    [
        ("DISCONNECT 0x8e", "shutdown.replaced", False, True),
        ("DISCONNECT 0x8B Server shutting down", "shutdown.server", True, True),
        ("SUBACK 0x87 Not authorized", "auth.forbidden", False, False),
        ("PUBACK 0x97", "limits.resources", True, False),
        ("CONNACK 0xfe", "transport.internal", False, True),
    ],
)
def test_normalize_knows_a_protocol_that_was_only_installed(
    python: Path, raw: str, reason: str, retryable: bool, terminal: bool
) -> None:
    code = f"import errnorm; print(errnorm.normalize({raw!r}).to_json())"
    told = json.loads(_run(python, "-c", code))
    assert (told["protocol"], told["reason"]) == ("mqtt", reason)
    assert (told["retryable"], told["terminal"]) == (retryable, terminal)


def test_the_command_line_knows_it_too(python: Path) -> None:
    listed = json.loads(_run(python, "-m", "errnorm", "table", "--protocol", "mqtt", "--format", "json"))
    assert {row["section"] for row in listed} == {"connection", "answer"}
    line = json.dumps({"protocol": "mqtt", "raw": "DISCONNECT 0x8d"})
    assert json.loads(_run(python, "-m", "errnorm", "normalize", into=line))["reason"] == "transport.stale"


def test_a_reason_code_of_paho_is_known_by_the_name_of_its_class(python: Path) -> None:
    code = (
        "import errnorm; Code = type('ReasonCode', (), {'__module__': 'paho.mqtt.reasoncodes', 'packetType': 14, 'value': 0x95});"
        "print(errnorm.normalize(Code()).reason)"
    )
    assert _run(python, "-c", code).strip() == "limits.size"


def test_what_was_known_before_is_known_as_before(python: Path) -> None:
    assert (
        _run(python, "-c", "import errnorm; print(errnorm.normalize(\"-ERR 'Stale Connection'\").reason)").strip()
        == "transport.stale"
    )
