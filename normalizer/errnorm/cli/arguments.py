"""The handling of unusable arguments in all commands: a one-line message and exit code 2."""

from __future__ import annotations

import argparse
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from errnorm import plugins

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = [
    "UNUSABLE",
    "OneOf",
    "Parser",
    "UnusableError",
    "check_protocol",
    "known_protocols",
    "known_sections",
    "meant",
    "shielded",
    "stdin",
    "unshielded",
]

UNUSABLE = 2
_FEW = 30
# A character that no argument of a process can contain.
_SHIELD = "\0"


class UnusableError(Exception):
    """An argument or an input is not valid. The message is the line that is printed."""


def meant(word: str, words: Iterable[str]) -> str:
    """Return the second part of a message about a wrong word: the most similar word, or otherwise all words."""
    known = list(words)
    if near := get_close_matches(word.lower(), known, 1):
        return f"did you mean {near[0]}?"
    return f"the choices are {', '.join(known)}" if known else "there is nothing to choose from"


def shielded(given: Sequence[str]) -> list[str]:
    """
    Mark arguments that begin with one hyphen, so that argparse treats `-ERR` as a text and not as an option.

    This is for a command whose options all begin with two hyphens, except `-h`.
    """
    return [_SHIELD + one if one[:1] == "-" and one[1:2] not in {"", "-"} and one != "-h" else one for one in given]


def unshielded(argument: str) -> str:
    """Return an argument without the mark that `shielded` has set."""
    return argument.removeprefix(_SHIELD)


class OneOf:
    """
    The type of an argument that has to be one of some words.

    Attributes:
        words: The words.
    """

    def __init__(self, name: str, words: Iterable[str]) -> None:
        """Store the name of the choice, for example `"reason"`, and the allowed words."""
        self._name = name
        self.words = list(words)

    def __call__(self, word: str) -> str:
        """Return the word if it is allowed; raise `ArgumentTypeError` otherwise."""
        if word in self.words:
            return word
        message = f"there is no {self._name} {word!a}: {meant(word, self.words)}"
        raise argparse.ArgumentTypeError(message)

    def described(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options for argparse that show the words: in the usage if they are short, otherwise in the help."""
        words = ",".join(self.words)
        if len(words) <= _FEW:
            return {"metavar": f"{{{words}}}"} | options
        return {"metavar": self._name.upper(), "help": f"one of {', '.join(self.words)}"} | options


class Parser(argparse.ArgumentParser):
    """
    An argument parser that reports a mistake in one line and refers to `--help`, instead of printing the usage.

    Attributes:
        arguments: The arguments that were added, for completion and suggestions.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the options of argparse
        """Create a parser with the options of argparse."""
        self.arguments: list[argparse.Action] = []
        super().__init__(**options)

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:  # noqa: ANN401 - the options of argparse
        """Add an argument, and store it in `arguments`."""
        if isinstance(one_of := options.get("type"), OneOf):
            options = one_of.described(options)
        action = super().add_argument(*names, **options)
        self.arguments.append(action)
        return action

    @property
    def options(self) -> list[str]:
        """The names of the options that begin with two hyphens."""
        return [name for action in self.arguments for name in action.option_strings if name.startswith("--")]

    def refuse(self, extra: Sequence[str]) -> NoReturn:
        """Exit because of unknown arguments, with a suggestion."""
        word = extra[0].partition("=")[0]
        near = get_close_matches(word, self.options, 1)
        self.error(f"there is no option {word!a}{f': did you mean {near[0]}?' if near else ''}")

    def error(self, message: str) -> NoReturn:
        """Print one line on stderr, and exit with code 2."""
        self.exit(UNUSABLE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def known_protocols(overlays: Iterable[Path]) -> list[str]:
    """
    Return the protocols that have an installed table or an overlay.

    Raises:
        TableError: If an overlay cannot be read, or does not name its protocol.
    """
    return list(dict.fromkeys([*plugins.protocols(), *plugins.overlaid(overlays)]))


def known_sections(protocol: str | None, overlays: Iterable[Path]) -> list[str]:
    """
    Return the sections of all tables, or of one protocol's.

    Raises:
        TableError: If an overlay is not valid.
    """
    paths = list(overlays)
    names = known_protocols(paths) if protocol is None else [protocol]
    tables = [table for name in names if (table := plugins.find_table(name, paths)) is not None]
    return list(dict.fromkeys(section for table in tables for section in table.sections))


def check_protocol(protocol: str | None, overlays: Iterable[Path]) -> None:
    """
    Check that a protocol has a table.

    Raises:
        UnusableError: If it has none.
        TableError: If an overlay cannot be read, or does not name its protocol.
    """
    known = known_protocols(overlays)
    if protocol is not None and protocol not in known:
        message = f"argument --protocol: there is no table for {protocol!a}: {meant(protocol, known)}"
        raise UnusableError(message)


def stdin() -> BinaryIO:
    """
    Return stdin, as bytes.

    Raises:
        UnusableError: If stdin is closed.
    """
    if sys.stdin is None:
        message = "stdin is closed"
        raise UnusableError(message)
    return sys.stdin.buffer
