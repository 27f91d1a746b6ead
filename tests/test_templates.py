"""Templates read without scrolling, and leave it to the ledger which state allows what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import nodes

from mailroom.ledger.states import MailingState, State
from mailroom.ledger.webhooks import webhook_events

FOLDER = Path(__file__).resolve().parents[1] / "templates"
TEMPLATES = sorted(FOLDER.rglob("*.html"))
WIDEST = 110
WORDS = {
    *State,
    *MailingState,
    webhook_events.CALL_WAITING,
    webhook_events.CALL_DONE,
    webhook_events.CALL_GIVEN_UP,
}
MEMBERS = {*State.__members__, *MailingState.__members__}


def decided_by_state(source: str) -> Iterator[str]:
    """What compares with a state's word, or names a state: "line 3: failed"."""
    tree = Flask(__name__).jinja_env.parse(source)
    for question in tree.find_all((nodes.Compare, nodes.Test, nodes.Filter)):
        if not isinstance(question, nodes.Filter) or question.name.startswith(("select", "reject")):
            for constant in question.find_all(nodes.Const):
                if constant.value in WORDS:
                    yield f"line {constant.lineno}: {constant.value}"
    for member in tree.find_all(nodes.Getattr):
        if isinstance(member.node, nodes.Name) and member.node.name == "states" and member.attr in MEMBERS:
            yield f"line {member.lineno}: {member.attr}"


def test_the_templates_are_found() -> None:
    assert len(TEMPLATES) > 20


def test_no_line_must_be_scrolled() -> None:
    lines = [(path, *one) for path in TEMPLATES for one in enumerate(path.read_text().splitlines(), 1)]
    assert [
        f"{path.relative_to(FOLDER)}:{number}: {line}" for path, number, line in lines if len(line) > WIDEST
    ] == []


def test_no_template_decides_by_a_state() -> None:
    decided = [(path, where) for path in TEMPLATES for where in decided_by_state(path.read_text())]
    assert [f"{path.relative_to(FOLDER)}, {where}" for path, where in decided] == []


@pytest.mark.parametrize(
    "source",
    [
        '{% if delivery.state == "failed" %}{% endif %}',
        '{% if mailing.state in ("active", "paused") %}{% endif %}',
        '{{ "x" if call.state != "waiting" }}',
        "{% if mailing.state == states.SCHEDULED %}{% endif %}",
        "{% for one in all if one.counts[states.SENT] %}{% endfor %}",
        '{{ all|selectattr("state", "equalto", "unknown")|list }}',
        '{% if delivery.state is eq("unknown") %}{% endif %}',
    ],
)
def test_one_that_does_is_found(source: str) -> None:
    assert len(list(decided_by_state(source))) >= 1


def test_their_looks_and_their_words_are_the_pages_own() -> None:
    source = '{% set hints = {"failed": "x"} %}<b class="state-failed">failed</b>'
    assert list(decided_by_state(source + "{% for one in states.IN_BAR %}{% endfor %}")) == []
