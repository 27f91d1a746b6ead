"""Templates in use: what is sent with one that somebody names.

NotUsable           one family; `str()` is a sentence
├── NoSuchTemplate  there is none of this id or alias for who asks
└── NotPublished    it is a draft
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection

from mailroom.content.templates.template_letter import TemplateLetter, letter_of
from mailroom.ledger.templates import stored, versions
from mailroom.ledger.templates.reach import EVERY_TEMPLATE, OF_PEOPLE


class NotUsable(LookupError):
    """Nothing can be sent with it."""


class NoSuchTemplate(NotUsable):
    """There is none of this id or alias, for who asks."""


class NotPublished(NotUsable):
    """It is a draft."""


def letter_in_use(
    connection: Connection,
    named: str,
    reach: ColumnElement[bool] = EVERY_TEMPLATE,
    *,
    program_id: int = OF_PEOPLE,
) -> TemplateLetter:
    """What is sent with the template of this id or alias. Raises NotUsable."""
    template = stored.find(connection, named, reach, program_id=program_id)
    if template is None:
        raise NoSuchTemplate("There is no such template.")
    published = versions.in_use(connection, template)
    if published is None:
        raise NotPublished("This template is a draft: publish it before you send with it.")
    return letter_of(published.letter)
