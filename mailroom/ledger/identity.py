"""Identity: the random name by which a ledger is told from any other, beside which it may find itself.

Made by the migration, and made anew by a restore: what was restored is another ledger than the one that
was saved, and both may be in use.
"""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, delete, insert, select

from mailroom.ledger.schema import identity


def of(connection: Connection) -> str:
    name: str = connection.execute(select(identity.c.name)).scalar_one()
    return name


def renew(connection: Connection) -> None:
    connection.execute(delete(identity))
    connection.execute(insert(identity).values(id=1, name=secrets.token_hex(16)))
