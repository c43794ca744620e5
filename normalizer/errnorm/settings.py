"""
The settings of telemetry: each is an argument of `Settings.load`, or a variable `ERRNORM_…` of the environment.

    ERRNORM_EMITTERS=log,metric ERRNORM_HASH_KEY=… ERRNORM_KEEP=jid ERRNORM_STORM_BURST=20

An argument overrides its variable. A setting that is not valid raises `SettingsError` when the settings are made, not when the
first error is emitted. OpenTelemetry's own variable `OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN` decides which signal carries
exceptions.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from errnorm.checks import before, within
from errnorm.frozen import Frozen, as_dict
from errnorm.lazy import lazy
from errnorm.privacy import Privacy
from errnorm.tables.kind import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import TypeAdapter, ValidationError

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


_Kinds = Annotated[frozenset[str], before(_kinds)]


class Settings(Frozen, slots=False):
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

    Raises:
        SettingsError: If a setting is not valid.
    """

    emitters: Annotated[tuple[Literal["log", "span", "metric"], ...], before(_words)] = ("log", "span", "metric")
    log_with: Literal["auto", "structlog", "loguru", "logging", "otel"] = "auto"
    log_text: Literal["template", "raw", "none"] = "template"
    traceback: Literal["never", "asked", "always"] = "asked"
    limit: Annotated[int, within(ge=16, le=65536)] = 256
    keep: _Kinds = frozenset()
    hash: _Kinds = frozenset()
    drop: _Kinds = frozenset()
    hash_key: str = ""
    storm_burst: Annotated[int, within(ge=0)] = 5
    storm_interval: Annotated[float, within(gt=0, allow_inf_nan=False)] = 60.0
    storm_keys: Annotated[int, within(ge=1, le=1_000_000)] = 256
    exception_signal: Literal["spans", "logs", "logs/dup"] = "spans"

    def __post_init__(self) -> None:
        """Check what differs from the default settings. Pydantic is imported only if something does."""
        given = {name: value for name, value in as_dict(self).items() if value != self.__defaults__[name]}
        for name, value in (_checked(given) if given else {}).items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """Show what differs from the default settings, without the key of the hash."""
        shown = {name: value for name, value in as_dict(self).items() if value != self.__defaults__[name] and name != "hash_key"}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @lazy
    def privacy(self) -> Privacy:
        """The redaction rules that follow from `keep`, `hash`, `drop`, `hash_key` and `limit`."""
        return Privacy(keep=self.keep, hashed=self.hash, drop=self.drop, key=self.hash_key, limit=self.limit)

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
        found: dict[str, Any] = {}
        for variable, value in environ.items():
            if variable.startswith(PREFIX) and variable not in _NOT_OURS and value:
                name = variable.removeprefix(PREFIX).lower()
                found |= {name: value} if name in NAMES else _misspelt(variable)
        given = {**found, **arguments}
        checked = _checked(given, found.keys() - arguments.keys()) if given else {}
        made: dict[str, Any] = {"exception_signal": _signal(environ.get(_OPT_IN)), **checked}
        return cls(**made)


NAMES: tuple[str, ...] = Settings.__fields__
"""The names of all settings."""


@cache
def _adapter() -> TypeAdapter[dict[str, Any]]:
    """Return the check for settings by name."""
    from typing import get_type_hints  # noqa: PLC0415 - needed only here

    from pydantic import TypeAdapter  # noqa: PLC0415 - its import is slow, and the default settings do not need it
    from typing_extensions import TypedDict  # noqa: PLC0415 - as above

    hints = {name: get_type_hints(Settings, include_extras=True)[name] for name in NAMES}
    make: Any = TypedDict
    checked = make("checked", hints, total=False)
    checked.__pydantic_config__ = {"extra": "forbid", "hide_input_in_errors": True}
    return TypeAdapter(checked)


def _checked(given: Mapping[str, Any], variables: Iterable[str] = ()) -> dict[str, Any]:
    from pydantic import ValidationError  # noqa: PLC0415 - as above

    try:
        return _adapter().validate_python(dict(given))
    except ValidationError as error:
        raise SettingsError(_said(error, variables)) from None


def _misspelt(variable: str) -> dict[str, Any]:
    from difflib import get_close_matches  # noqa: PLC0415 - needed only here

    meant = get_close_matches(variable, [PREFIX + name.upper() for name in NAMES], 1, 0.85)
    if meant:
        message = f"{variable} is not a setting; did you mean {meant[0]}?"
        raise SettingsError(message)
    return {}


def _said(error: ValidationError, variables: Iterable[str]) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    shown = PREFIX + name.upper() if name in variables else name
    return f"{shown}: {first['msg'].removeprefix('Value error, ')}"
