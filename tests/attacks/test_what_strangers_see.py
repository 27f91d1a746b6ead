"""What somebody without a password or key gets to see: what SECURITY.md says, and nothing of the settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app import create_app
from mailroom.settings import Settings

SECURITY = (Path(__file__).resolve().parents[2] / "SECURITY.md").read_text()
SOME_VALUES = {"UUIDConverter": "6f1c2a4e-0000-4000-8000-000000000000", "IntegerConverter": "1"}


def promised() -> set[str]:
    """The paths that SECURITY.md names as open."""
    sentence = SECURITY.partition("- **Strangers** get")[2].partition("Nothing else")[0]
    return set(re.findall(r"`(/[^`]*)`", sentence))


def filled_in(rule: Rule) -> str:
    def value(found: re.Match[str]) -> str:
        return SOME_VALUES.get(type(rule._converters[found[2]]).__name__, "1")

    return re.sub(r"<(?:([^>:]+):)?(\w+)>", value, rule.rule)


def test_it_is_what_the_page_on_security_says(app: Flask) -> None:
    stranger = app.test_client()
    opened = {
        filled_in(rule)
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.endpoint != "static"
        if stranger.get(filled_in(rule)).status_code in (200, 503)
    }
    assert opened == promised()


def test_nothing_is_changed_by_a_stranger(app: Flask) -> None:
    stranger = app.test_client()
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}:
            if rule.endpoint not in ("sign_in.submit", "sign_in.sign_out"):
                answer = stranger.open(filled_in(rule), method=method)
                assert answer.status_code in (303, 401, 404, 405), f"{method} {rule.rule}"


@pytest.fixture
def set_up(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"public_url": "https://post.hidden.example:8443", "mail_default_sender": "me@hidden.example"}
    )


@pytest.mark.parametrize(
    "path", ["/sign-in", "/api/docs", "/api/v1/openapi.json", "/no-such-page", "/healthz"]
)
def test_nothing_tells_how_it_is_set_up(set_up: Settings, path: str) -> None:
    answer = create_app(set_up).test_client().get(path, headers={"Host": "127.0.0.1:8000"})
    shown = answer.text + str(answer.headers)
    for secret in ("hidden.example", "8443", str(set_up.home), set_up.redis_url, set_up.secret_key):
        assert secret not in shown


def test_the_description_of_the_api_is_the_same_everywhere(settings: Settings, set_up: Settings) -> None:
    for path in ("/api/docs", "/api/v1/openapi.json"):
        one, other = (create_app(chosen).test_client().get(path).text for chosen in (settings, set_up))
        assert one == other


def test_who_is_signed_in_reads_the_right_address(set_up: Settings, link: str) -> None:
    client = create_app(set_up).test_client()
    client.get(link, base_url=set_up.public_url)
    page = client.get("/api/docs", base_url=set_up.public_url).text
    assert f"curl {set_up.public_url}/api/v1/emails" in page and "https://mail.example.org" not in page
