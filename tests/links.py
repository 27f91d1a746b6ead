"""Unsubscribe links of deliveries, as workers make them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.links.link_tokens import LinkKey
from mailroom.content.links.unsubscribe import LinkPlace, UnsubscribeLinks
from mailroom.database.engine import Database
from mailroom.ledger.consent import link_keys
from mailroom.ledger.schema import deliveries

NEWS = Content(Address("News@acme.example", "Acme"), "News", text="{{ unsubscribe_url }}", purpose="bulk")
PLACE = LinkPlace("http://localhost")


def of_list(name: str) -> Content:
    return replace(NEWS, list_name=name)


def links_of(database: Database, mailing_id: int, content: Content = NEWS) -> dict[str, str]:
    """The path of each delivery's link, by its address (lower case)."""
    with database.read() as connection:
        links = UnsubscribeLinks(LinkKey(*link_keys.newest(connection)), PLACE, content)
        chosen = select(deliveries.c.id, deliveries.c.address).where(deliveries.c.mailing_id == mailing_id)
        rows = connection.execute(chosen).all()
    return {row.address.lower(): links.of(row.id, row.address).url.removeprefix(PLACE.origin) for row in rows}
