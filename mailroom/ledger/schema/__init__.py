"""The ledger's tables, a module for those of each room. Migrations make them; this is how code names them.

metadata.py is how one is made. Whoever uses tables imports them from here: so all of them are known, and each
foreign key finds its table.
"""

from __future__ import annotations

from mailroom.ledger.schema.batch_tables import batches, turns
from mailroom.ledger.schema.consent_tables import link_keys, suppressions
from mailroom.ledger.schema.delivery_tables import (
    BLOCKS_JOINED,
    IS_WATCHED,
    TROUBLED,
    attempts,
    block_of,
    deliveries,
)
from mailroom.ledger.schema.draft_tables import IS_NOT_SENT, IS_SENT, draft_blobs, draft_versions, drafts
from mailroom.ledger.schema.feedback_tables import (
    IS_OPEN,
    IS_UNMATCHED,
    provider_doors,
    provider_refusals,
    provider_tokens,
    reports,
    strikes,
)
from mailroom.ledger.schema.list_tables import consent_facts, list_members, lists
from mailroom.ledger.schema.mailing_tables import (
    IS_EMAIL_OF_A_PROGRAM,
    IS_HELD,
    IS_TRIPPED,
    attachments,
    contents,
    decisions,
    idempotency_keys,
    is_ledger,
    mailing_sums,
    mailings,
    originals,
)
from mailroom.ledger.schema.metadata import metadata
from mailroom.ledger.schema.people_tables import api_keys, sign_in_links, sign_ins, users
from mailroom.ledger.schema.relay_tables import parked_sessions, servers, sessions, throttles
from mailroom.ledger.schema.repeat_tables import IS_REPEATING, repeat_drafts, repeat_ticks, repeats
from mailroom.ledger.schema.sweep_tables import holds, identity, sweeper, uptimes
from mailroom.ledger.schema.template_tables import template_versions, templates
from mailroom.ledger.schema.webhook_tables import webhook_calls, webhook_endpoints

__all__ = [
    "BLOCKS_JOINED",
    "IS_EMAIL_OF_A_PROGRAM",
    "IS_HELD",
    "IS_NOT_SENT",
    "IS_OPEN",
    "IS_REPEATING",
    "IS_SENT",
    "IS_TRIPPED",
    "IS_UNMATCHED",
    "IS_WATCHED",
    "TROUBLED",
    "api_keys",
    "attachments",
    "attempts",
    "batches",
    "block_of",
    "consent_facts",
    "contents",
    "decisions",
    "deliveries",
    "draft_blobs",
    "draft_versions",
    "drafts",
    "holds",
    "idempotency_keys",
    "identity",
    "is_ledger",
    "link_keys",
    "list_members",
    "lists",
    "mailing_sums",
    "mailings",
    "metadata",
    "originals",
    "parked_sessions",
    "provider_doors",
    "provider_refusals",
    "provider_tokens",
    "repeat_drafts",
    "repeat_ticks",
    "repeats",
    "reports",
    "servers",
    "sessions",
    "sign_in_links",
    "sign_ins",
    "strikes",
    "suppressions",
    "sweeper",
    "template_versions",
    "templates",
    "throttles",
    "turns",
    "uptimes",
    "users",
    "webhook_calls",
    "webhook_endpoints",
]
