"""Provider posts: one request of a mail provider is proven, read, and taken into the ledger."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from sqlalchemy import Connection

from mailroom.content.message.message_ids import own_id, own_name
from mailroom.database.engine import Database
from mailroom.engine.feedback.matching import match
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.engine.feedback.sns_calls import SnsCalls
from mailroom.engine.feedback.taking import Taken, take
from mailroom.engine.key_ring import KeyRing
from mailroom.engine.letterhead import message_id_of
from mailroom.feedback.providers.known import PROVIDERS, Provider
from mailroom.feedback.providers.post import Post, PostRefused
from mailroom.feedback.providers.told import ToldEvent
from mailroom.feedback.report import Report
from mailroom.ledger.consent import unsubscribing
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.consent.unsubscribing import Subscription
from mailroom.ledger.feedback import provider_doors, sent_as
from mailroom.ledger.feedback.provider_doors import ProviderDoor
from mailroom.ledger.mailings import mailings


class ProviderPosts:
    """The way in of all providers."""

    def __init__(self, database: Database, rules: FeedbackRules, sns: SnsCalls | None = None) -> None:
        self._database = database
        self._rules = rules
        self._ring = KeyRing(database)
        self.sns = sns or SnsCalls()

    def take(self, door: ProviderDoor, post: Post) -> list[Taken]:
        """What the post tells is in the ledger when this returns.

        Raises PostRefused; CannotTell or an error of LEDGER_AWAY when it is to come again.
        """
        provider = PROVIDERS[door.provider]
        key, digest = self._proven(provider, door.keys, post)
        if url := provider.confirmation(post, key):
            self.sns.confirm(url)
            with self._database.begin() as connection:
                provider_doors.confirmed(connection, door.provider)
            return []
        found = provider.read(post)
        if digest:
            self._use(digest, found)
        if not found:
            return []
        self._unsubscribe(provider, [one for one in found if one.is_unsubscription])
        reports = self._reports([one for one in found if not one.is_unsubscription])
        return take(self._database, reports, self._ring, self._rules)

    def _reports(self, found: Sequence[ToldEvent]) -> list[Report]:
        with self._database.read() as connection:
            return _fitting(connection, [_named(connection, one) for one in found])

    def _unsubscribe(self, provider: Provider, found: Sequence[ToldEvent]) -> None:
        """By the provider's own link: the bulk mail of that mail's sender ends, as by ours."""
        if not found:
            return
        reports, no_tokens = self._reports(found), [None] * len(found)
        with self._database.begin() as connection:
            matches = match(connection, reports, no_tokens, is_signed=self._rules.is_signed)
            for report, (of, *_) in zip(reports, matches, strict=True):
                # Told once: whoever subscribed again is not unsubscribed by a copy.
                if of is None or not provider_doors.is_first(connection, report.key):
                    continue
                scope = Scope(of.sender_address.lower())
                whose = Subscription(of.id, of.address_key, scope)
                unsubscribing.unsubscribe(connection, whose, scope, f"told by {provider.title}")

    def _proven(self, provider: Provider, keys: Sequence[str], post: Post) -> tuple[str, str]:
        """The key that proves it, and what is good for this one post only. Raises what the last one does."""
        why: PostRefused = PostRefused("There is no key yet.")
        for key in keys:
            try:
                return key, provider.verify(post, key, time.time(), self.sns.certificate)
            except PostRefused as refused:
                why = refused
        raise why

    def _use(self, digest: str, found: Sequence[ToldEvent]) -> None:
        said = sha256(" ".join(one.report.key for one in found).encode()).hexdigest()
        with self._database.begin() as connection:
            if not provider_doors.use_token(connection, digest, said):
                raise PostRefused("Its token proved another post already.")


def _named(connection: Connection, told: ToldEvent) -> Report:
    """With the Message-ID that we gave that mail, where the provider knows it by another name."""
    report = told.report
    bare = report.message_id.strip("<>")
    if bare and "@" not in bare:  # what our own field says: see feedback/providers/postmark.py
        own = own_name(bare)
        found = sent_as.of_uid(connection, *own) if own is not None else None
    elif told.own_id and own_id(report.message_id) is None:  # where it tells ours, nothing is looked for
        found = sent_as.named_by_relay(connection, report.address.lower(), told.own_id)
    else:
        return report
    mailing = mailings.get(connection, found.mailing_id) if found else None
    if found is None or mailing is None:
        return report
    return replace(report, message_id=message_id_of(mailing, found.delivery_id))


def _fitting(connection: Connection, reports: Sequence[Report]) -> list[Report]:
    """Nobody vouches any more for one that names a mail of ours and an address that this did not go to."""
    own = [own_id(report.message_id) for report in reports]
    ids = {one.delivery_id for one in own if one is not None and one.delivery_id is not None}
    went_to = sent_as.address_keys(connection, ids)
    fits = [
        not report.address
        or one is None
        or went_to.get(one.delivery_id or 0, report.address.lower()) == report.address.lower()
        for report, one in zip(reports, own, strict=True)
    ]
    return [replace(report, is_proven=fit) for report, fit in zip(reports, fits, strict=True)]
