"""`markdown` and `mjml` beside `html`: emails, mailings, templates, and what is refused at its field."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from mailroom.ledger.schema import contents
from tests.api.conftest import EMAIL, Client

MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Dear {{ a }}</mj-text></mj-column></mj-section>"
    "</mj-body></mjml>"
)
FROM = {"from": "Acme <hello@acme.example>", "subject": "Hi"}
MAILING = {**FROM, "recipients": [{"address": "ann@mail.example", "variables": {"a": "<Ann>"}}]}


def said(client: Client) -> tuple[str, str]:
    with client.database.read() as connection:
        row = connection.execute(
            select(contents.c.text, contents.c.html).order_by(contents.c.mailing_id.desc())
        )
        return tuple(row.first() or ())


def sent(client: Client, path: str, body: dict[str, Any]) -> tuple[str, str]:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.get_json()
    return said(client)


def test_a_mailing_in_markdown_or_mjml_is_filled_for_each(light_client: Client) -> None:
    body = {**MAILING, "markdown": "# Dear {{ a }}", "layout": {"colour": "#abcdef", "footer": "*End*"}}
    text, html = sent(light_client, "/mailings", body)
    assert text == "Dear {{ a }}\n=============\n\n-- \nEnd\n" and ">Dear {{ a }}</h1>" in html
    assert "#abcdef" in html and "<em>End</em>" in html and "{{ COLOUR }}" not in html
    text, html = sent(light_client, "/mailings", {**MAILING, "mjml": MJML})
    assert "Dear {{ a }}" in html and text.strip() == "Dear {{ a }}"
    text, html = sent(
        light_client, "/mailings", {**MAILING, "markdown": "*x*", "text": "y", "layout": "plain"}
    )
    assert (text, html) == ("y", "<p><em>x</em></p>\n")


def test_an_email_in_markdown_has_no_tags(light_client: Client) -> None:
    body = {**FROM, "to": "ann@mail.example", "markdown": "{% if a < b %} **x**", "layout": "plain"}
    text, html = sent(light_client, "/emails", body)
    assert html == "<p>{% if a &lt; b %} <strong>x</strong></p>\n" and text == "{% if a < b %} *x*\n"


def test_html_alone_is_mailed_as_it_came(light_client: Client) -> None:
    html = "<style>p{color:red}</style><p>x"
    assert sent(light_client, "/emails", {**FROM, "to": "ann@mail.example", "html": html}) == ("", html)


def test_preflight_sees_what_is_made_of_it(light_client: Client) -> None:
    body = {**MAILING, "markdown": "{{ b }} ![](https://a.example/x.png) [y](http://a.example)"}
    found = light_client.post("/mailings/preflight", json=body).get_json()["findings"]
    assert [one["kind"] for one in found if one["kind"] != "sender_domain"] == [
        "unknown_variable",
        "http_link",
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"mjml": MJML.replace("mj-text", "mj-txt")},
            "`mjml`: Line 1: there is no <mj-txt>; do you mean <mj-text>?",
        ),
        ({"markdown": "x", "html": "<p>y"}, "`markdown`: Give one of `html`, `markdown` and `mjml`"),
        ({"markdown": "x", "mjml": MJML}, "`mjml`: Give one of"),
        ({"markdown": "x", "html": ""}, "`markdown`: Give one of"),
        ({"html": "x", "layout": "plain"}, "`layout`: Only a letter in `markdown` has one."),
        ({"markdown": "x", "layout": {"colour": "red"}}, "`markdown`: Write the colour like #2b5d8a."),
        ({"markdown": "x", "layout": {"color": "#fff"}}, "There is no such field"),
        ({"markdown": "{% slot nope %}x{% endslot %}"}, "`markdown`: The template has no slot nope"),
        ({"markdown": "x" * ((1 << 20) + 1)}, "`markdown`: This has more than 1 MB"),
        ({"markdown": 1}, "`markdown`: This must be a string."),
        ({"markdown": " \n"}, "`markdown`: Write a letter"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(light_client: Client, changes: dict[str, Any], told: str) -> None:
    for path, body in (("/mailings", MAILING), ("/emails", {**FROM, "to": "ann@mail.example"})):
        answer = light_client.post(path, json={**body, **changes})
        assert answer.status_code == 422 and told in answer.get_json()["message"], answer.get_json()


def test_a_template_keeps_what_it_was_made_of(light_client: Client) -> None:
    body = {"name": "News", **FROM, "markdown": "# Dear {{ NAME }}", "variables": [{"key": "NAME"}]}
    uid = light_client.post("/templates", json=body).get_json()["id"]
    shown = light_client.get(f"/templates/{uid}").get_json()
    assert shown["markdown"] == "# Dear {{ NAME }}" and shown["mjml"] is None
    assert ">Dear {{ NAME }}</h1>" in shown["html"] and "Dear {{ NAME }}" in shown["text"]
    light_client.patch(f"/templates/{uid}", json={"mjml": MJML.replace(" a ", " NAME ")})
    shown = light_client.get(f"/templates/{uid}").get_json()
    assert shown["markdown"] is None and "mj-text" in shown["mjml"] and "Dear {{ NAME }}" in shown["html"]
    bad = light_client.patch(f"/templates/{uid}", json={"mjml": "<mjml><mj-body></mjml>"})
    assert bad.status_code == 422 and "`mjml`: Line 1" in bad.get_json()["message"]
    rendered = light_client.post(f"/templates/{uid}/render", json={"variables": {"NAME": "<Ann>"}}).get_json()
    assert "Dear &lt;Ann&gt;" in rendered["html"] and rendered["text"].strip() == "Dear <Ann>"
    light_client.patch(f"/templates/{uid}", json={"html": "<p>{{ NAME }}</p>"})
    shown = light_client.get(f"/templates/{uid}").get_json()
    assert (shown["mjml"], shown["html"], shown["text"]) == (None, "<p>{{ NAME }}</p>", None)


def test_markdown_stands_in_a_template_s_slot_with_its_styles(light_client: Client) -> None:
    html = "<style>p { color: red }</style><main>{% slot content %}{% endslot %}</main>{{ END }}"
    body = {"name": "Frame", "html": html, "text": "{% slot content %}{% endslot %}", **FROM}
    uid = light_client.post("/templates", json=body).get_json()["id"]
    light_client.post(f"/templates/{uid}/publish")
    use = {"id": uid, "variables": {"END": "<end>"}}
    text, made = sent(light_client, "/mailings", {**MAILING, "template": use, "markdown": "Dear *{{ a }}*"})
    assert '<p style="color: red;">Dear <em>{{ a }}</em></p>' in made and text == "Dear {{ a }}\n"
    _, made = sent(
        light_client, "/emails", {"to": "a@mail.example", "template": use, "markdown": "{{ END }} *x*"}
    )
    assert '<p style="color: red;">{{ END }} <em>x</em></p>' in made and "&lt;end&gt;" in made
    whole = light_client.post("/mailings", json={**MAILING, "template": use, "mjml": MJML})
    assert whole.status_code == 422 and "`mjml`: MJML is a whole letter" in whole.get_json()["message"]


def test_what_the_sdk_sends_is_unchanged(light_client: Client) -> None:
    assert sent(light_client, "/emails", EMAIL) == (EMAIL["text"], EMAIL["html"])
