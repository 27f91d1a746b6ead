"""What somebody else changed while a page was open is not undone unseen, by any form that changes things.

Templates and recipients of lists have theirs beside them: test_templates.py, test_lists.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mailroom.ledger.feedback import provider_doors
from mailroom.ledger.lists import kept
from mailroom.ledger.repeats import repeats
from mailroom.ledger.webhooks import webhook_endpoints
from tests.feedback.providers import posts
from tests.feedback.providers.posts import OTHER_KEYS
from tests.web.test_repeats import LETTER
from tests.web.watching import ledger, post

Fields = dict[str, Any]


class Changed(NamedTuple):
    """`path` of a page with a form; what two people write into it, what is wrong, and what is kept then."""

    path: str
    theirs: Fields
    mine: Fields
    wrong: Fields
    what: Callable[[], object]


def an_endpoint(app: Flask, client: FlaskClient) -> Changed:
    def what() -> object:
        with ledger(app).read() as connection:
            (found,) = webhook_endpoints.everyone(connection)
        return found.url, found.events

    url = "https://example.org/hooks"
    made = post(client, "/webhooks", "/webhooks", url=url, events="email.sent")
    return Changed(
        made.headers["Location"],
        {"url": url, "events": ["email.sent", "email.failed"]},
        {"url": f"{url}/mine", "events": ["email.sent"]},
        {"url": "", "events": ["email.sent"]},
        what,
    )


def a_list(app: Flask, client: FlaskClient) -> Changed:
    """One person ends its sharing, another one corrects its name."""

    def what() -> object:
        with ledger(app).read() as connection:
            (found,) = kept.page(connection, limit=9)
        return found.name, found.is_shared

    made = post(client, "/lists", "/lists", name="Digest", shared="on")
    mine = {"name": "The digest", "shared": "on"}
    return Changed(made.headers["Location"], {"name": "Digest"}, mine, {**mine, "name": " "}, what)


def a_repeat(app: Flask, client: FlaskClient) -> Changed:
    def what() -> object:
        with ledger(app).read() as connection:
            (found,) = repeats.page(connection, limit=9)
        return found.rule, found.hours, found.ends_at

    made = post(client, "/mailings", "/", **LETTER, repeat="daily 9")
    plan = {"repeat": "daily 09:00", "repeat_zone": "Europe/Berlin"}
    return Changed(
        made.headers["Location"],
        {**plan, "hours": "Mon-Fri 9-17", "repeat_until": "2099-12-31"},
        {**plan, "repeat": "weekly mon 8"},
        {**plan, "repeat": ""},
        what,
    )


def keys_of_a_provider(app: Flask, client: FlaskClient) -> Changed:
    """One person adds the new key, another one replaces the old one by it."""

    def what() -> object:
        with ledger(app).read() as connection:
            door = provider_doors.of_provider(connection, "resend")
        return door and door.keys

    path = "/webhooks/providers/resend"
    old, new = posts.key_of("resend"), OTHER_KEYS["resend"]
    post(client, path, path, keys=old)
    return Changed(path, {"keys": f"{old}\n{new}"}, {"keys": new}, {"keys": "nonsense"}, what)


def no_keys_yet(app: Flask, client: FlaskClient) -> Changed:
    one = keys_of_a_provider(app, client)
    post(client, f"{one.path}/remove", one.path)
    return one


def seen_on(page: str) -> str:
    (found,) = re.findall(r'name="seen" value="([^"]+)"', page)
    return unescape(found)


@pytest.mark.parametrize("of", [an_endpoint, a_list, a_repeat, keys_of_a_provider, no_keys_yet])
def test_unseen(app: Flask, client: FlaskClient, of: Callable[[Flask, FlaskClient], Changed]) -> None:
    path, theirs, mine, wrong, what = of(app, client)
    opened = seen_on(client.get(path).text)
    assert post(client, path, path, **theirs, seen=opened).status_code == 303
    assert post(client, path, path, **theirs, seen=opened).status_code == 303, (
        "pressed twice it says the same"
    )
    stands = what()
    refused = post(client, path, path, **wrong, seen=opened)
    assert refused.status_code == 422 and seen_on(refused.text) == opened, (
        "what was not looked at is not seen"
    )
    told = post(client, path, path, **mine, seen=opened)
    assert told.status_code == 422 and "after you opened this page, and nothing was kept" in told.text
    assert what() == stands
    typed = next(value for name, value in mine.items() if value != theirs.get(name))
    assert typed in unescape(told.text), "nothing that was typed is lost"
    assert post(client, path, path, **mine, seen=seen_on(told.text)).status_code == 303
    assert what() != stands
