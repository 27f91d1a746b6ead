"""Forms whose token is over, as after signing in anew: what was typed is given back, to be sent once more."""

from __future__ import annotations

from flask import g, request

from mailroom.web.request import origin

MOST_GIVEN_BACK = 4_000_000
"""Characters: it stands in a page, several times in memory while that is made."""

Typed = list[tuple[str, str]]


def typed_again() -> Typed | None:
    """All fields of the form, for somebody who is signed in and sent it from a page of ours.

    None: it cannot be given back, for files, passwords and what is very long do not go into a page.
    """
    fields = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
    if "user" not in g or not origin.is_surely_ours():
        return None
    if any(file.filename for _, file in request.files.items(multi=True)):
        return None
    if any("password" in name for name, _ in fields):
        return None
    return fields if sum(len(name) + len(value) for name, value in fields) <= MOST_GIVEN_BACK else None
