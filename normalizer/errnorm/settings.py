"""
The settings of telemetry: each is an argument of `Settings.load`, or a variable `ERRNORM_…` of the environment.

    ERRNORM_EMITTERS=log,metric ERRNORM_HASH_KEY=… ERRNORM_KEEP=jid ERRNORM_STORM_BURST=20

An argument overrides its variable. A setting that is not valid raises `SettingsError` when the settings are made, not when the
first error is emitted. OpenTelemetry's own variable `OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN` decides which signal carries
exceptions.
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

# Other modules read these variables, before there are settings.
_NOT_OURS = ("ERRNORM_DEBUG", "ERRNORM_TABLES", "ERRNORM_TRACES_EXPORTER")


class SettingsError(ValueError):
    """A setting is not valid. The message names the setting and says what is wrong with it; it never contains a secret."""


def _words(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _kinds(value: object) -> object:
    words = _words(value)
    for word in words if isinstance(words, tuple | list | set | frozenset) else ():
        if word not in KINDS:
            message = f"{str(word)[:80]!r} is not a kind of parameter; the kinds are {', '.join(sorted(KINDS))}"
            raise ValueError(message)
    return words


def _signal(value: object) -> object:
    # Other libraries read this variable too. It holds a list; the specification says to ignore unknown words and case.
    words = _words(value.lower()) if isinstance(value, str) else ()
    found = [word for word in ("logs/dup", "logs") if isinstance(words, tuple) and word in words]
    return found[0] if found else "spans"


_Kinds = Annotated[frozenset[str], BeforeValidator(_kinds)]


class Settings(BaseModel):
    """
    The validated settings.

    Attributes:
        emitters: The emitters in use: `log`, `span`, `metric`. If it is empty, nothing is emitted.

        log_with: The library that writes the log: `structlog`, `loguru`, the standard library's `logging`, OpenTelemetry's logs
            (`otel`); `auto` selects the one that the application uses.

        log_text: The text in a log line. `template`: the text of the row, with the parameters that may be emitted. `raw`: the
            original text, escaped and cut, which may contain secrets. `none`: no text.

        traceback: When a log line has a stack trace, which costs ten times as much as the line. `never`; `asked`: if the
            application's own logging call has `exc_info`; `always`.

        limit: The number of characters after which a value or text is cut.

        keep: The kinds of parameters that are emitted unchanged.

        hash: The kinds of parameters that are emitted as a hash.

        drop: The kinds of parameters that are not emitted.

        hash_key: The key of the hash. Without a key, the kinds that would be hashed are dropped.

        storm_burst: The number of equal log lines that are written before further ones are only counted; 0 means no limit.

        storm_interval: The number of seconds after which a summary of the counted lines is logged.

        storm_keys: The number of kinds of lines that are counted separately; the others share one count for each level.

        exception_signal: The signal that carries exceptions: `spans`, `logs`, or both (`logs/dup`).
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
        """The redaction rules that follow from `keep`, `hash`, `drop`, `hash_key` and `limit`."""
        key = self.hash_key.get_secret_value()
        return Privacy(keep=self.keep, hashed=self.hash, drop=self.drop, key=key, limit=self.limit)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **arguments: Any) -> Self:  # noqa: ANN401 - pydantic checks each of them
        """
        Read the settings from the environment. An argument overrides its variable.

        Args:
            environ: The environment; that of the process if not given.
            arguments: Settings by name.

        Returns:
            The settings.

        Raises:
            SettingsError: If a setting is not valid, or if the name of a variable looks like a misspelt name of a setting.
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
        message = f"{variable} is not a setting; did you mean {meant[0]}?"
        raise SettingsError(message)
    return {}


def _said(error: ValidationError, arguments: Mapping[str, Any]) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    shown = name if name in arguments else PREFIX + name.upper()
    return f"{shown}: {first['msg'].removeprefix('Value error, ')}"
