"""A letter to the people of this Mailroom when it gives up a webhook endpoint."""

from __future__ import annotations

import structlog

from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import NotAccepted, Submission
from mailroom.ledger.people import users
from mailroom.ledger.webhooks.webhook_endpoints import Endpoint
from mailroom.queue import Queue
from mailroom.settings import Settings

log = structlog.get_logger()

NOTICE_TEXT = """\
Mailroom does not call this webhook endpoint any more:

    {url}

{why}

What it was not told is in its log, and can be replayed once it works again:

    {page}
"""


def send(database: Database, queue: Queue, settings: Settings, endpoint: Endpoint, why: str) -> None:
    """Queues it like any mail. Without MAIL_DEFAULT_SENDER only the pages tell."""
    if settings.mail_default_sender is None:
        return
    with database.read() as connection:
        people = [Recipient(user.email) for user in users.everybody(connection)]
    if not people:
        return
    page = f"{settings.public_url}/webhooks/{endpoint.id}"
    try:
        content = Content(
            parse_address(settings.mail_default_sender),
            "A webhook endpoint was disabled",
            text=NOTICE_TEXT.format(url=endpoint.url, why=why, page=page).replace("{", "(").replace("}", ")"),
        )
        accept(database, queue, Submission(content, people))
    except (AddressError, NotAccepted) as error:
        log.warning("nobody was told of the disabled endpoint", reason=str(error))
