"""Settling: the ledger is told what a relay's record proves. Told twice, it changes once."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from mailroom.database.engine import Database
from mailroom.engine.evidence.examination import Proof, Proven
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.engine.feedback.taking import take
from mailroom.engine.key_ring import KeyRing
from mailroom.engine.letterhead import made_id
from mailroom.feedback.report import Report, ReportKind
from mailroom.ledger.feedback import reconciling
from mailroom.ledger.feedback.known import Known

KIND_OF_PROOF = {Proof.HANDED_OVER: ReportKind.SENT, Proof.CAME_BACK: ReportKind.BOUNCED}


def settle(
    database: Database, proven: Sequence[Proven], ring: KeyRing, rules: FeedbackRules, way: str
) -> None:
    """`way`: whose record it is. Raises NotHeld where it says that mail was sent which is believed unsent."""
    unsent = {one.known.of.id for one in proven if one.known and one.proof is Proof.NOT_UNSENT}
    if unsent:
        with database.begin() as connection:
            reconciling.mark_sent(connection, unsent, f"it was taken, says the record of {way}")
    reports = [_report(one, one.known, way) for one in proven if one.known and one.proof in KIND_OF_PROOF]
    if reports:
        take(database, reports, ring, rules)


def _report(one: Proven, known: Known, way: str) -> Report:
    of, trace = known.of, one.trace
    about = (way, one.proof, of.uid, of.id, trace.queue_id)
    return Report(
        KIND_OF_PROOF[one.proof],
        way=way,
        key=sha256("\0".join(map(str, about)).encode()).hexdigest(),
        message_id=of.own_message_id or made_id(of, None if of.has_shared_id else of.id),
        address=of.address_key,
        at=trace.at,
        code=trace.code,
        status=trace.status,
        words=trace.words or f"{trace.said}, says the record of {way}",
        reporter=trace.reporter or way,
        is_proven=True,
    )
