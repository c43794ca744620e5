"""What every command says of arguments that it cannot use: one line, and exit code 2."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from errnorm import plugins

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["UNUSABLE", "Parser", "UnusableError", "check_protocol", "known_protocols", "stdin"]

UNUSABLE = 2


class UnusableError(Exception):
    """An argument or an input cannot be used; the message is the line that says so."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage is a `--help` away."""

    def error(self, message: str) -> NoReturn:
        """Print one line on stderr and leave with 2."""
        self.exit(UNUSABLE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def known_protocols(overlays: Iterable[Path]) -> list[str]:
    """
    Return the protocols that have a table, installed or brought by an overlay.

    Raises:
        TableError: If an overlay cannot be read, or does not say its protocol.
    """
    return list(dict.fromkeys([*plugins.protocols(), *plugins.overlaid(overlays)]))


def check_protocol(protocol: str | None, overlays: Iterable[Path]) -> None:
    """
    Refuse a protocol that no table is about.

    Raises:
        UnusableError: If it is none.
        TableError: If an overlay cannot be read, or does not say its protocol.
    """
    known = known_protocols(overlays)
    if protocol is not None and protocol not in known:
        message = f"argument --protocol: there is no table for {protocol!a}: there are {', '.join(known)}"
        raise UnusableError(message)


def stdin() -> BinaryIO:
    """
    Return stdin, as bytes.

    Raises:
        UnusableError: If it is closed.
    """
    if sys.stdin is None:
        message = "stdin is closed"
        raise UnusableError(message)
    return sys.stdin.buffer
