"""Templates as the API shows them."""

from __future__ import annotations

from typing import Any

from mailroom.content.templates.template_letter import letter_of
from mailroom.content.writing.written import Format
from mailroom.content.writing.written_template import source_of
from mailroom.ledger.templates.stored import ListedTemplate, StoredTemplate
from mailroom.ledger.templates.versions import TemplateVersion
from mailroom.web.api.answers.shown import instant


def listed_template(found: ListedTemplate) -> dict[str, Any]:
    """A templates.ListedTemplateAnswer."""
    return {
        "id": found.uid,
        "name": found.name,
        "alias": found.alias,
        "status": found.status,
        "created_at": instant(found.created_at),
        "updated_at": instant(found.updated_at),
        "published_at": instant(found.published_at),
    }


def template(found: StoredTemplate, published: TemplateVersion | None) -> dict[str, Any]:
    """A templates.TemplateAnswer."""
    letter = letter_of(found.letter)
    source = source_of(letter)
    times = {"created_at": instant(found.created_at), "updated_at": instant(found.updated_at)}
    return {
        "object": "template",
        **listed_template(found),
        "from": letter.sender or None,
        "subject": letter.subject or None,
        "reply_to": list(letter.reply_to) or None,
        "html": letter.html,
        "text": letter.text or None,
        "markdown": source.source if source and source.format == Format.MARKDOWN else None,
        "mjml": source.source if source and source.format == Format.MJML else None,
        "variables": [
            {"key": one.key, "type": one.kind, "fallback_value": one.fallback, **times}
            for one in letter.variables
        ],
        "has_unpublished_versions": found.is_changed,
        "current_version_id": published.uid if published else None,
    }
