"""Preview: a letter as one recipient of the list will get it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from mailroom.content.content import Attachment, Content
from mailroom.content.links.unsubscribe import LinkPlace, NotShown, UnsubscribeLinks
from mailroom.content.merge.plain import MergeError
from mailroom.content.message.compiled import compile_message
from mailroom.content.message.file_names import filled_name
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.whole.fields import Unmailable
from mailroom.content.whole.letter import EnclosedFile, ReadLetter, read_letter
from mailroom.engine.letter import SET_AT_HAND_OVER

NO_ID = "<set-when-it-is-sent@mailroom.invalid>"


class PreviewedLetter(NamedTuple):
    """`source`: the message. Without a letter: why there is none."""

    letter: ReadLetter | None
    source: str = ""
    trouble: str = ""


def previewed(content: Content, recipient: Recipient, place: LinkPlace) -> PreviewedLetter:
    """Without its files, which are named only, and with a link that nobody can use."""
    bare = replace(content, attachments=())
    links = UnsubscribeLinks(NotShown(), place, bare) if content.is_bulk else None
    link = links.of(0, recipient.address) if links else None
    try:
        compiled = compile_message(bare, "preview", datetime.now(UTC))
        message = compiled.render(recipient, recipient.variables, NO_ID, None, link)
        letter = read_letter(message, SET_AT_HAND_OVER)
    except (MergeError, Unmailable) as trouble:
        return PreviewedLetter(None, trouble=str(trouble))
    try:
        files = [
            EnclosedFile(_name_for(file, recipient), file.content_type, file.size)
            for file in content.attachments
        ]
    except MergeError as trouble:
        return PreviewedLetter(None, trouble=str(trouble))
    return PreviewedLetter(replace(letter, files=files), message.decode("ascii", "replace"))


def _name_for(file: Attachment, recipient: Recipient) -> str:
    """Raises MergeError."""
    values = {"email": recipient.address, "name": recipient.name, **(recipient.variables or {})}
    return filled_name(file.filename, values)
