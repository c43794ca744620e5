"""Settings: from arguments and variables, checked when they are made."""

from __future__ import annotations

from typing import Any

import pytest

from errnorm.settings import NAMES, Settings, SettingsError


def test_the_defaults_are_on_the_safe_side() -> None:
    settings = Settings.load({})
    assert (settings.log_text, settings.traceback, settings.hash_key) == ("template", "asked", "")
    assert settings.privacy.value("jid", "juliet@capulet.lit") is None


@pytest.mark.parametrize(
    ("variable", "value", "name", "expected"),
    [
        ("ERRNORM_EMITTERS", "log, metric", "emitters", ("log", "metric")),
        ("ERRNORM_LOG_WITH", "logging", "log_with", "logging"),
        ("ERRNORM_LOG_TEXT", "none", "log_text", "none"),
        ("ERRNORM_TRACEBACK", "never", "traceback", "never"),
        ("ERRNORM_LIMIT", "64", "limit", 64),
        ("ERRNORM_KEEP", "jid,user", "keep", frozenset({"jid", "user"})),
        ("ERRNORM_STORM_BURST", "0", "storm_burst", 0),
        ("ERRNORM_STORM_INTERVAL", "1.5", "storm_interval", 1.5),
    ],
)
def test_a_variable_sets_what_it_names(variable: str, value: str, name: str, expected: object) -> None:
    assert getattr(Settings.load({variable: value}), name) == expected


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"exception_signal", "hash_key"}))
def test_every_setting_has_its_variable(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^ERRNORM_{name.upper()}: "):
        Settings.load({f"ERRNORM_{name.upper()}": "?"})


def test_the_key_of_the_hash_has_its_variable() -> None:
    assert Settings.load({"ERRNORM_HASH_KEY": "k"}).hash_key == "k"


def test_an_argument_stands_above_its_variable() -> None:
    assert Settings.load({"ERRNORM_LIMIT": "64"}, limit=32).limit == 32


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ERRNORM_EMITTERS", "log,trace"),
        ("ERRNORM_LOG_TEXT", "all"),
        ("ERRNORM_LIMIT", "many"),
        ("ERRNORM_LIMIT", "3"),
        ("ERRNORM_KEEP", "jid,iban"),
        ("ERRNORM_STORM_BURST", "-1"),
        ("ERRNORM_STORM_INTERVAL", "nan"),
        ("ERRNORM_STORM_INTERVAL", "inf"),
        ("ERRNORM_STORM_INTERVAL", "0"),
        ("ERRNORM_STORM_KEYS", "1e99"),
    ],
)
def test_one_that_cannot_be_used_is_one_line_that_names_it(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}: ") as caught:
        Settings.load({variable: value})
    assert len(str(caught.value).splitlines()) == 1


def test_a_bad_argument_is_named_as_it_was_given() -> None:
    with pytest.raises(SettingsError, match=r"^limit: "):
        Settings.load({}, limit="many")


def test_a_setting_that_does_not_exist_is_refused_as_an_argument() -> None:
    with pytest.raises(SettingsError, match=r"^limmit: "):
        Settings.load({}, limmit=3)


def test_a_misspelt_variable_is_said_to_be_one() -> None:
    with pytest.raises(SettingsError, match="ERRNORM_HASHKEY is not a setting; did you mean ERRNORM_HASH_KEY"):
        Settings.load({"ERRNORM_HASHKEY": "s3cret"})


@pytest.mark.parametrize("variable", ["ERRNORM_TABLES", "ERRNORM_SOMETHING_ELSE", "OTHER_LIMIT"])
def test_a_variable_of_somebody_else_is_left_alone(variable: str) -> None:
    assert Settings.load({variable: "x"}) == Settings.load({})


def test_an_empty_variable_is_none() -> None:
    assert Settings.load({"ERRNORM_LIMIT": ""}) == Settings.load({})


@pytest.mark.parametrize("bad", [{"hash_key": 7}, {"hash_key": "s3cret", "limit": "s3cret"}])
def test_a_secret_is_in_no_message_and_no_repr(bad: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({}, **bad)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(Settings.load({}, hash_key="s3cret"))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("", "spans"),
        ("logs", "logs"),
        ("logs/dup", "logs/dup"),
        ("http, logs", "logs"),
        ("logs,logs/dup", "logs/dup"),
        ("LOGS/DUP", "logs/dup"),
        ("x", "spans"),
    ],
)
def test_the_signal_of_exceptions_is_what_opentelemetry_says(said: str, meant: str) -> None:
    assert Settings.load({"OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": said}).exception_signal == meant
