"""Lookup: which delivery a trace in a relay's record is of, for hundreds of them in a few statements.

By the Message-ID; else by the return path, where each mail has its own; else by the relay's queue id in the
words of its 250. And whoever is named as the recipient has to be that delivery's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from mailroom.content.links.return_tokens import ReturnParts, ReturnPurpose, read, tokens_in
from mailroom.content.message.message_ids import OwnId, own_id
from mailroom.engine.key_ring import KeyRing
from mailroom.engine.letterhead import is_made_id
from mailroom.feedback.relay_logs.trace import Said, Trace
from mailroom.ledger.feedback import known
from mailroom.ledger.feedback.known import Known

MOST_BY_ADDRESS = 5_000
"""Deliveries in whose replies a queue id is looked for."""

_QUEUE_IDS = re.compile(r"[0-9A-Za-z-]{5,40}", re.ASCII)


class Traced(NamedTuple):
    """`is_lost`: a Mailroom made its Message-ID, and this ledger has no such mail. `is_other`: it has, and to
    somebody else than the trace says.
    """

    trace: Trace
    known: Known | None
    is_lost: bool = False
    is_other: bool = False


class _Candidates(NamedTuple):
    by_id: Mapping[int, Known]
    shared: Mapping[str, list[Known]]  # by uid
    whole: Mapping[str, list[Known]]  # by Message-ID
    by_queue_id: Mapping[str, list[Known]]


def traced(connection: Connection, traces: Sequence[Trace], ring: KeyRing) -> list[Traced]:
    """Each of these with its delivery, if it has one."""
    own = [own_id(trace.message_id) for trace in traces]
    tokens = [_token(trace.sender) for trace in traces]
    candidates = _candidates(connection, traces, own, tokens)
    return [
        _chosen(trace, _of(trace, one, token, candidates, ring), is_ours=one is not None)
        for trace, one, token in zip(traces, own, tokens, strict=True)
    ]


def _candidates(
    connection: Connection,
    traces: Sequence[Trace],
    own: Sequence[OwnId | None],
    tokens: Sequence[ReturnParts | None],
) -> _Candidates:
    named = [one for one in own if one is not None]
    ids = {one.delivery_id for one in named if one.delivery_id is not None}
    by_id = known.by_ids(connection, ids | {token.delivery_id for token in tokens if token is not None})
    shared, whole = defaultdict(list), defaultdict(list)
    for found in known.of_shared(connection, {one.uid for one in named if one.delivery_id is None}):
        shared[found.of.uid].append(found)
    # One that was made here, too: a message that came whole may have taken it, and is another mail.
    for found in known.of_message_ids(connection, {one.message_id for one in traces if one.message_id}):
        whole[found.of.own_message_id or ""].append(found)
    return _Candidates(by_id, shared, whole, _by_queue_id(connection, traces))


def _by_queue_id(connection: Connection, traces: Iterable[Trace]) -> Mapping[str, list[Known]]:
    """Only what came back is looked for so: of what was taken the ledger knows that, or it has no reply."""
    wanted = [one for one in traces if one.said is Said.BOUNCED and one.queue_id and not one.message_id]
    keys = {recipient.lower() for one in wanted for recipient in one.recipients}
    queue_ids = {one.queue_id for one in wanted}
    found = defaultdict(list)
    for sent in known.sent_to(connection, keys, MOST_BY_ADDRESS):
        for queue_id in queue_ids.intersection(_QUEUE_IDS.findall(sent.reply)):
            found[queue_id].append(sent)
    return found


def _token(sender: str) -> ReturnParts | None:
    found = tokens_in(f"{sender}") if "+" in sender else []
    return read(found[0]) if found else None


def _of(
    trace: Trace, own: OwnId | None, token: ReturnParts | None, candidates: _Candidates, ring: KeyRing
) -> list[Known]:
    if own is not None and own.delivery_id is not None:
        found = [candidates.by_id[own.delivery_id]] if _is_of(own, candidates.by_id) else []
    elif own is not None:
        found = candidates.shared.get(own.uid, [])
    else:
        found = []
    found = [one for one in found if own and is_made_id(trace.message_id, one.of, own.delivery_id)]
    return (
        [*found, *candidates.whole.get(trace.message_id, [])]
        or _by_token(token, candidates.by_id, ring)
        or ([] if trace.message_id else candidates.by_queue_id.get(trace.queue_id, []))
    )


def _is_of(own: OwnId, by_id: Mapping[int, Known]) -> bool:
    """Whether the ledger has a delivery of this number, in that mailing: numbers are given anew."""
    found = by_id.get(own.delivery_id or 0)
    return found is not None and found.of.uid == own.uid and not found.of.has_shared_id


def _by_token(token: ReturnParts | None, by_id: Mapping[int, Known], ring: KeyRing) -> list[Known]:
    found = by_id.get(token.delivery_id) if token is not None else None
    if token is None or found is None:
        return []
    key = ring.returned(token.key_number)
    is_sealed = key is not None and key.is_sealed(token, ReturnPurpose.BOUNCE, found.of.address_key)
    return [found] if is_sealed else []


def _chosen(trace: Trace, found: Sequence[Known], *, is_ours: bool) -> Traced:
    """The one that it is of. Where several could be, of none: nobody knows of which."""
    keys = {recipient.lower() for recipient in trace.recipients}
    fits = [one for one in found if not keys or one.of.address_key in keys]
    if len(fits) == 1:
        return Traced(trace, fits[0])
    return Traced(trace, None, is_lost=is_ours and not found, is_other=bool(found) and not fits)
