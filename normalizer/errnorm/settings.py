"""
What can be set about telemetry: by argument, or by a variable `ERRNORM_…` of the same name.

    ERRNORM_EMITTERS=log,metric ERRNORM_HASH_KEY=… ERRNORM_KEEP=jid ERRNORM_STORM_BURST=20

An argument stands above the variable. Something that cannot be used is one clear error when the settings are made, not a
surprise when the first error comes. Which signal carries exceptions is OpenTelemetry's question, and its variable
`OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN` answers it here too.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from errnorm.privacy import Privacy
from errnorm.tables.kind import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PREFIX", "Settings", "SettingsError"]

PREFIX = "ERRNORM_"
_OPT_IN = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"

# Read elsewhere, by who needs them before there are settings.
_NOT_OURS = ("ERRNORM_TABLES", "ERRNORM_TRACES_EXPORTER")


class SettingsError(ValueError):
    """A setting cannot be used. The message names it, says what is wrong with it, and never repeats a secret."""


def _words(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _kinds(value: object) -> object:
    words = _words(value)
    for word in words if isinstance(words, tuple | list | set | frozenset) else ():
        if word not in KINDS:
            message = f"{str(word)[:80]!r} is no kind of parameter; there are {', '.join(sorted(KINDS))}"
            raise ValueError(message)
    return words


def _signal(value: object) -> object:
    # The variable is shared with others and holds a list; the specification has unknown words ignored, and case.
    words = _words(value.lower()) if isinstance(value, str) else ()
    found = [word for word in ("logs/dup", "logs") if isinstance(words, tuple) and word in words]
    return found[0] if found else "spans"


_Kinds = Annotated[frozenset[str], BeforeValidator(_kinds)]


class Settings(BaseModel):
    """
    The settings, checked.

    Attributes:
        emitters: Which emitters there are: `log`, `span`, `metric`. Empty: nothing is told.

        log_with: What writes the log: `structlog`, `loguru`, the standard library's `logging`, OpenTelemetry's logs (`otel`);
            `auto` takes what the application writes with.

        log_text: What a log line says of the text: `template`: the row's text with what may be told filled in; `raw`: what
            the peer said, escaped and cut, secrets and all; `none`.

        traceback: When a line has a stack trace, which costs ten times the line: `never`; `asked`: where the application's
            own call has `exc_info`; `always`.

        limit: Characters after which a value or text is cut.

        keep: Kinds of parameters that are told as they are.

        hash: Kinds that are told as a hash.

        drop: Kinds that are not told.

        hash_key: The key of the hash; without one, what would be hashed is dropped.

        storm_burst: How many equal lines are written before the others are counted; 0 switches the guard off.

        storm_interval: Seconds after which what was counted is summed up in a line.

        storm_keys: How many kinds of lines are told apart; the rest share one count for each level.

        exception_signal: Where exceptions go: `spans`, `logs`, or both (`logs/dup`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    emitters: Annotated[tuple[Literal["log", "span", "metric"], ...], BeforeValidator(_words)] = ("log", "span", "metric")
    log_with: Literal["auto", "structlog", "loguru", "logging", "otel"] = "auto"
    log_text: Literal["template", "raw", "none"] = "template"
    traceback: Literal["never", "asked", "always"] = "asked"
    limit: Annotated[int, Field(ge=16, le=65536)] = 256
    keep: _Kinds = frozenset()
    hash: _Kinds = frozenset()
    drop: _Kinds = frozenset()
    hash_key: SecretStr = SecretStr("")
    storm_burst: Annotated[int, Field(ge=0)] = 5
    storm_interval: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    storm_keys: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    exception_signal: Literal["spans", "logs", "logs/dup"] = "spans"

    @cached_property
    def privacy(self) -> Privacy:
        """The rules for what leaves."""
        key = self.hash_key.get_secret_value()
        return Privacy(keep=self.keep, hashed=self.hash, drop=self.drop, key=key, limit=self.limit)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **arguments: Any) -> Self:  # noqa: ANN401 - each is checked
        """
        Read the settings from the environment; an argument stands above its variable.

        Args:
            environ: The environment; that of the process if not given.
            arguments: Settings by name.

        Returns:
            The settings.

        Raises:
            SettingsError: If one cannot be used, or the name of a variable is nearly, but not quite, that of a setting.
        """
        environ = os.environ if environ is None else environ
        found: dict[str, Any] = {"exception_signal": _signal(environ.get(_OPT_IN))}
        for variable, value in environ.items():
            if variable.startswith(PREFIX) and variable not in _NOT_OURS and value:
                name = variable.removeprefix(PREFIX).lower()
                found |= {name: value} if name in cls.model_fields else _misspelt(variable, cls.model_fields)
        try:
            return cls(**{**found, **arguments})
        except ValidationError as error:
            raise SettingsError(_said(error, arguments)) from None


def _misspelt(variable: str, fields: Mapping[str, object]) -> dict[str, Any]:
    meant = get_close_matches(variable, [PREFIX + name.upper() for name in fields], 1, 0.85)
    if meant:
        message = f"{variable} is no setting; {meant[0]} is"
        raise SettingsError(message)
    return {}


def _said(error: ValidationError, arguments: Mapping[str, Any]) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    shown = name if name in arguments else PREFIX + name.upper()
    return f"{shown}: {first['msg'].removeprefix('Value error, ')}"
