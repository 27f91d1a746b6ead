from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from app import create_app
from mailroom.settings import Settings
from tests.web import watching

Csrf = Callable[..., str]


@pytest.mark.parametrize(
    "path", ["/", "/settings", "/sign-in", "/healthz", "/static/js/times.js", "/no-such-page"]
)
def test_every_answer_carries_the_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and "form-action 'self'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/",
            "/settings",
            "/mailings",
            "/inbox",
            "/race",
            "/no-such-page",
            "/lists",
            "/repeats",
            "/calendar",
        ),
        *(
            "/drafts",
            "/templates",
            "/attention",
            "/suppressions",
            "/keys",
            "/webhooks",
            "/webhooks/providers",
        ),
    ],
)
def test_no_page_needs_anything_inline(client: FlaskClient, path: str) -> None:
    needs_nothing_inline(client.get(path).text)


def test_nor_does_a_page_of_what_is_kept(client: FlaskClient) -> None:
    letter = {"sender": "a@b.example", "recipients": "c@d.example", "subject": "S", "text": "T"}
    made = watching.post(client, "/lists", "/", name="Friends").location
    watching.post(client, f"{made}/recipients", "/", address="c@d.example")
    [member] = re.findall(rf"{made}/recipients/\d+", client.get(made).text)
    repeat = watching.post(client, "/mailings", "/", **letter, repeat="daily 9").location
    mailing = watching.post(client, "/mailings", "/", **letter).location
    paths = [made, member, repeat, mailing, f"{mailing}/report"]
    paths += [f"{made}/import", f"{made}/some", f"{made}/recipients/new"]
    for path in paths:
        page = client.get(path)
        assert page.status_code == 200, path
        needs_nothing_inline(page.text)


def needs_nothing_inline(page: str) -> None:
    assert " style=" not in page and "<style" not in page
    assert "<script>" not in page and " onclick=" not in page and "javascript:" not in page
    assert "http://" not in page.replace("http://127.0.0.1", "").replace("http://www.w3.org", "")


def test_the_cookie_is_named_by_port_and_kept_from_scripts(stranger: FlaskClient, link: str) -> None:
    cookie = stranger.get(link).headers["Set-Cookie"]
    assert cookie.startswith("mailroom_8000=")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie


def test_behind_https_cookies_and_pages_are_for_https_only(settings: Settings, link: str) -> None:
    secure = create_app(settings.model_copy(update={"public_url": "https://mail.example.org"}))
    answer = secure.test_client().get(
        link, headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    )
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize("public_url", ["http://mail.example.org", "https://mail.example.org"])
def test_nobody_but_a_proxy_is_believed_about_their_address(
    settings: Settings, link: str, public_url: str
) -> None:
    client = create_app(settings.model_copy(update={"public_url": public_url})).test_client()
    stranger = {"base_url": public_url, "environ_overrides": {"REMOTE_ADDR": "198.51.100.1"}}
    client.get(link, headers={"X-Forwarded-For": "192.0.2.7"}, **stranger)
    page = client.get("/settings", **stranger).text
    assert "198.51.100.1" in page and "192.0.2.7" not in page


@pytest.mark.parametrize(
    "path", ["/settings/password", "/settings/browsers/end-others", "/sign-out", "/mailings"]
)
def test_no_form_is_taken_without_its_token(client: FlaskClient, path: str) -> None:
    assert client.post(path, data={"new_password": "correct horse battery"}).status_code in (400, 422)
    assert client.get("/").status_code == 200


def test_static_addresses_change_with_their_content(client: FlaskClient) -> None:
    page = client.get("/").text
    address = page.partition('href="/static/css/tokens.css')[2].partition('"')[0]
    assert address.startswith("?v=") and len(address) == 13
    answer = client.get(f"/static/css/tokens.css{address}")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_module_that_others_import_is_asked_for_again(client: FlaskClient) -> None:
    assert client.get("/static/js/live.js").headers["Cache-Control"] == "public, no-cache"


def test_pages_are_not_kept_by_caches_but_by_the_back_button(client: FlaskClient) -> None:
    assert client.get("/").headers["Cache-Control"] == "private, no-cache"


def test_strangers_cannot_send_much(stranger: FlaskClient) -> None:
    answer = stranger.post("/sign-in", data={"email": "a" * 100_000})
    assert answer.status_code == 413
    assert "64 KB" in answer.text


def test_a_form_of_too_many_parts_is_told_so(client: FlaskClient) -> None:
    form = {f"field{number}": "x" for number in range(2_000)}
    answer = client.post("/mailings", data=form, content_type="multipart/form-data")
    assert answer.status_code == 413
    assert "too many parts" in answer.text
