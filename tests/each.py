"""
One test for many rows: it names every row that fails, and collecting it does not look at the rows.

`pytest.mark.parametrize` makes a test of each value. That is right for a few examples, and costs too much for a thousand rows
of a table: every process that runs tests collects, sets up, tears down and reports each. `each` takes the same arguments and
makes one test. Where the values come from a table, give a function that returns them: a table that cannot be read then fails the
tests that read it, and not the collection of the whole file.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Test = Callable[..., None]

MOST_SHOWN = 40


def each(
    names: str | tuple[str, ...], values: Iterable[Any] | Callable[[], Iterable[Any]], ids: Callable[[Any], object] = str
) -> Callable[[Test], Test]:
    """
    Call a test once for each value, and fail with all values that it failed for.

    Args:
        names: The parameters of the test that are filled from a value; the others are fixtures, made once for all values.
        values: The values, one tuple each where there are several parameters, or a function that returns them.
        ids: Names a parameter in the message of a failure.
    """
    keys = (names,) if isinstance(names, str) else names

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def for_each(*arguments: Any, **fixtures: Any) -> None:
            rows = [_row(keys, value) for value in (values() if callable(values) else values)]
            assert rows, "there is no value to test with"
            failed = list(_failures(functools.partial(test, *arguments, **fixtures), rows, ids))
            assert not failed, _message(failed, len(rows))

        signature = inspect.signature(test)
        others = [parameter for name, parameter in signature.parameters.items() if name not in keys]
        for_each.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined] # what pytest reads
        return for_each

    return decorate


def _row(keys: tuple[str, ...], value: Any) -> dict[str, Any]:
    return {keys[0]: value} if len(keys) == 1 else dict(zip(keys, value, strict=True))


def _failures(test: Test, rows: Iterable[Mapping[str, Any]], ids: Callable[[Any], object]) -> Iterator[str]:
    for row in rows:
        try:
            test(**row)
        except pytest.skip.Exception:
            continue
        except Exception as error:  # noqa: BLE001 - whatever it is, the row is named and the others are tried
            yield f"{', '.join(str(ids(value)) for value in row.values())}: {type(error).__name__}: {error}"


def _message(failed: list[str], of: int) -> str:
    rest = len(failed) - MOST_SHOWN
    return "\n".join((f"{len(failed)} of {of} fail:", *failed[:MOST_SHOWN], *([f"and {rest} more"] if rest > 0 else [])))
