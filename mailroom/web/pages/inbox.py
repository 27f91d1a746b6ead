"""The inbox of a local run: what the catcher got, as its recipients would have."""

from __future__ import annotations

from io import BytesIO

from flask import Blueprint, abort, flash, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response

from mailroom.web import mailroom
from mailroom.web.inbox.maildir import SEARCHED, Inbox
from mailroom.web.inbox.message import Caught
from mailroom.web.letter_frame import framed
from mailroom.web.request.searched import searched_words

blueprint = Blueprint("inbox", __name__)

INBOX_PAGE_SIZE = 50


@blueprint.before_request
def only_in_a_local_run() -> None:
    """A catcher stands beside a local run only; elsewhere mail really leaves."""
    if not mailroom().settings.local:
        abort(404)


@blueprint.get("/inbox")
def index() -> str:
    words = searched_words()
    before = request.args.get("before")
    lines = (
        _inbox().search(words, INBOX_PAGE_SIZE + 1) if words else _inbox().page(INBOX_PAGE_SIZE + 1, before)
    )
    return render_template(
        "inbox/index.html",
        lines=lines[:INBOX_PAGE_SIZE],
        total=_inbox().count(),
        words=words,
        searched=SEARCHED,
        before=before,
        next_before=lines[INBOX_PAGE_SIZE - 1].name if len(lines) > INBOX_PAGE_SIZE and not words else None,
    )


@blueprint.get("/inbox/<name>")
def show(name: str) -> str:
    return render_template("inbox/message.html", name=name, line=_inbox().line(name), caught=_caught(name))


@blueprint.get("/inbox/<name>/html")
def as_html(name: str) -> Response:
    """The message's HTML under a policy of its own, for a sandboxed frame."""
    caught = _caught(name)
    if caught.html is None:
        abort(404)
    return framed(caught.html, caught.pictures)


@blueprint.get("/inbox/<name>/raw")
def raw(name: str) -> Response:
    """Every byte as it arrived, below the envelope that the catcher put on top."""
    source = _inbox().raw(name)
    if source is None:
        abort(404)
    return Response(source, content_type="text/plain; charset=utf-8")


@blueprint.get("/inbox/<name>/attachments/<int:number>")
def attachment(name: str, number: int) -> Response:
    attachments = _caught(name).attachments
    if number >= len(attachments):
        abort(404)
    file = attachments[number]
    # Never shown in the browser: what is inside comes from anybody.
    return send_file(BytesIO(file.data), "application/octet-stream", True, file.filename, max_age=0)


@blueprint.post("/inbox/empty")
def empty() -> Response:
    gone = _inbox().empty()
    flash(f"{gone:,} {'message' if gone == 1 else 'messages'} deleted.", "good")
    return redirect(url_for("inbox.index"), 303)


def _inbox() -> Inbox:
    return Inbox(mailroom().settings.home / "inbox")


def _caught(name: str) -> Caught:
    message = _inbox().message(name)
    return Caught(message) if message is not None else abort(404)
