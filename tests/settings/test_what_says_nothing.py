"""A misspelt variable is told of, with the nearest; a secret that everybody tries first is refused."""

from __future__ import annotations

import pytest

from mailroom.settings import SETTINGS_FIELDS, SettingsError, load, misspelt
from tests.settings.test_urls import WHOLE


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MAILROM_RATE", "MAILROOM_RATE"),
        ("MAILROOM_CONECTIONS", "MAILROOM_CONNECTIONS"),
        ("MAIL_PASWORD", "MAIL_PASSWORD"),
        ("MAILROOM_BACK_OFF", "MAILROOM_BACKOFF"),
    ],
)
def test_a_misspelt_one_is_told_of_with_the_nearest(name: str, meant: str) -> None:
    assert misspelt({name: "1"}) == [
        f"{name} is no setting of Mailroom and says nothing: did you mean {meant}?"
    ]


def test_an_unknown_one_is_told_of() -> None:
    assert misspelt({"MAIL_COLOUR_OF_THE_BIKE_SHED": "red"}) == [
        "MAIL_COLOUR_OF_THE_BIKE_SHED is no setting of Mailroom and says nothing"
    ]


def test_ours_and_those_of_others_are_not() -> None:
    others = ("MAIL", "MAILTO", "MAILCHECK", "MAIL_SUPPRESS_SEND", "MAILROOM_API_KEY", "HOME", "PATH")
    assert misspelt(dict.fromkeys([*SETTINGS_FIELDS, *others, "SECRET_KEY_FILE"], "x")) == []


@pytest.mark.parametrize(
    "secret",
    ["changeme", "change-me-please", "my-secret-key", "supersecret", "password1", "aaaaaaaaaaaa", "12345678"],
)
def test_a_secret_that_is_tried_first_is_refused(secret: str) -> None:
    with pytest.raises(SettingsError, match="^SECRET_KEY must be at least 8 random characters"):
        load(WHOLE | {"SECRET_KEY": secret})


@pytest.mark.parametrize("sender", ["nonsense", "Ann <ann@example.org", "ann@exa mple.org", "a@b@c.org"])
def test_a_sender_that_is_none_is_refused(sender: str) -> None:
    with pytest.raises(SettingsError, match="^MAIL_DEFAULT_SENDER must be one address"):
        load(WHOLE | {"MAIL_DEFAULT_SENDER": sender})
