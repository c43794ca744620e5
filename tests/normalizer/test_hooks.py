"""What nobody catches is told, and says nothing in a peer's words; the hooks that were there still run."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import nats.errors
import pytest

from errnorm import hooks
from errnorm.middleware import Middleware

if TYPE_CHECKING:
    from errnorm.fault import Fault

SECRET = "hunt" + "er2"
DENIED = f"nats: dial nats://u:{SECRET}@h:4222"
PROGRAM = """
import asyncio, gc, logging, sys, threading
import errnorm, nats.errors
logging.basicConfig(format="%(message)s")
def boom():
    password = "hunt" + "er2"
    raise nats.errors.Error("nats: dial nats://u:" + password + "@h:4222")
errors = errnorm.Middleware()
errnorm.hooks.install(errors)
class Leaving:
    def __del__(self): boom()
async def forgotten():
    async def work(): boom()
    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    del task
    gc.collect()
async def called():
    asyncio.get_running_loop().call_soon(boom)
    await asyncio.sleep(0.01)
def thread():
    one = threading.Thread(target=boom)
    one.start()
    one.join()
def bug():
    try:
        boom()
    except nats.errors.Error:
        {}["a bug of the application"]
def interrupted():
    try:
        boom()
    except nats.errors.Error:
        raise KeyboardInterrupt
def both():
    members = []
    for fails in (boom, lambda: {}["a bug of the application"]):
        try:
            fails()
        except Exception as error:
            members.append(error)
    raise ExceptionGroup("two things failed", members)
"""


@pytest.mark.parametrize(
    ("end", "operation", "code"),
    [
        ("boom()", "program", 1),
        ("thread()", "thread", 0),
        ("Leaving()", "finalizer", 0),
        ("asyncio.run(forgotten())", "task", 0),
        ("asyncio.run(called())", "task", 0),
    ],
)
def test_what_nobody_catches_is_told_and_says_nothing_in_its_own_words(end: str, operation: str, code: int) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM + end], capture_output=True, text=True, check=False, timeout=300)
    assert f"nats {operation} failed: " in done.stderr
    assert SECRET not in done.stderr
    assert "in boom" in done.stderr
    assert done.returncode == code


@pytest.mark.parametrize(
    "where", ["bug()", "boom = bug; thread()", "boom = bug; Leaving()", "boom = bug; asyncio.run(forgotten())"]
)
def test_a_bug_in_an_except_block_is_printed_without_the_words_of_the_error_that_was_handled(where: str) -> None:
    # Rebinding `boom` for the helpers of the program must not change what `bug` itself calls.
    program = PROGRAM.replace(
        "        boom()\n    except nats.errors.Error:\n        {}", "        first()\n    except nats.errors.Error:\n        {}"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{program}first = boom\n{where}"], capture_output=True, text=True, check=False, timeout=300
    )
    assert SECRET not in done.stderr
    assert "KeyError: 'a bug of the application'" in done.stderr
    assert "During handling of the above exception" in done.stderr
    assert "failed: " not in done.stderr


def test_an_interrupt_while_an_error_is_handled_is_printed_without_its_words() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + "interrupted()"], capture_output=True, text=True, check=False, timeout=300
    )
    assert SECRET not in done.stderr
    assert done.stderr.endswith("KeyboardInterrupt\n")
    assert "failed: " not in done.stderr


def test_of_a_group_only_the_members_that_are_errors_of_a_protocol_are_told() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM + "both()"], capture_output=True, text=True, check=False, timeout=300)
    assert SECRET not in done.stderr
    assert done.stderr.count("failed: ") == 1
    assert "nats program failed: " in done.stderr
    assert "two things failed" in done.stderr
    assert "KeyError: 'a bug of the application'" in done.stderr


@pytest.fixture
def told() -> list[Fault]:
    return []


@pytest.fixture
def errors(told: list[Fault]) -> Middleware:
    return Middleware(emitters=[told.append])


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hooks of the application's own."""
    seen: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda *_: seen.append("program"))
    monkeypatch.setattr(sys, "unraisablehook", lambda _: seen.append("finalizer"))
    monkeypatch.setattr(threading, "excepthook", lambda _: seen.append("thread"))
    return seen


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 - as it came
        return caught


def leave(error: Exception) -> None:
    class Leaving:
        def __del__(self) -> None:
            raise error

    Leaving()
    thread = threading.Thread(target=lambda: (_ for _ in ()).throw(error))
    thread.start()
    thread.join()
    sys.excepthook(type(error), error, None)


def test_the_hooks_of_the_application_still_run_and_each_error_is_told_once(
    errors: Middleware, told: list[Fault], before: list[str]
) -> None:
    installed = hooks.install(errors)
    leave(nats.errors.NoRespondersError())
    installed.remove()
    assert before == ["finalizer", "thread", "program"]
    assert [fault.outcome for fault in told] == ["failed"]


def test_a_bug_of_the_application_is_left_to_its_hooks(errors: Middleware, told: list[Fault], before: list[str]) -> None:
    installed = hooks.install(errors)
    leave(KeyError("k"))
    installed.remove()
    assert (before, told) == (["finalizer", "thread", "program"], [])


def test_they_are_taken_off_as_they_were_put_on(errors: Middleware, before: list[str]) -> None:
    former = sys.excepthook, threading.excepthook, sys.unraisablehook
    installed = hooks.install(errors)
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) != former
    installed.remove()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == former
    assert not before


def test_a_hook_that_was_set_later_stays(errors: Middleware, before: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def later(*_: object) -> None:
        """Set by somebody else."""

    installed = hooks.install(errors)
    for module, name in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(module, name, later)
    installed.remove()
    assert {sys.excepthook, threading.excepthook, sys.unraisablehook} == {later}
    assert not before


async def test_the_handler_of_a_loop_still_runs(errors: Middleware, told: list[Fault], before: list[str]) -> None:
    contexts: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: contexts.append(context["message"]))
    installed = hooks.install(errors)

    async def fail() -> None:
        raise nats.errors.NoRespondersError

    task = asyncio.create_task(fail())
    await asyncio.sleep(0.01)
    del task
    gc.collect()
    installed.remove()
    assert contexts == ["Task exception was never retrieved"]
    assert [fault.operation for fault in told] == ["task"]
    assert not before
    loop.set_exception_handler(None)


def test_a_middleware_that_fails_does_not_stop_the_hooks(
    errors: Middleware, before: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "report", lambda *_args, **_known: 1 / 0)
    installed = hooks.install(errors)
    sys.excepthook(OSError, raised(ConnectionRefusedError(111, "refused")), None)
    installed.remove()
    assert before == ["program"]


def test_without_a_console_nothing_is_printed(errors: Middleware, told: list[Fault], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(sys, "stderr", None)
    installed = hooks.install(errors)
    sys.excepthook(OSError, raised(ConnectionRefusedError(111, "refused")), None)
    installed.remove()
    assert len(told) == 1


def test_other_records_of_asyncio_are_left_alone(errors: Middleware, caplog: pytest.LogCaptureFixture) -> None:
    installed = hooks.install(errors)
    logging.getLogger("asyncio").error("slow callback", exc_info=KeyError("k"))
    installed.remove()
    assert [record.exc_info is not None for record in caplog.records] == [True]
