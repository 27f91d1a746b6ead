"""Thresholds of acceptance: up to how many recipients a mailing is treated in which way, and why."""

from mailroom.database import blobs
from mailroom.ledger.batches import gather

URGENT_AT_MOST = 25
"""Small enough to overtake larger ones."""

LIQUID_URGENT_AT_MOST = 1
"""The same for a letter with Liquid in it. For several it may be work for several seconds: it takes its
turn with the others, while a single mail never does."""

SHARES_A_COMMIT_AT_MOST = URGENT_AT_MOST
"""So short a transaction that others may wait for it: they share its commit (group commit)."""

FILES_SHARE_A_COMMIT_AT_MOST = blobs.READ_WHOLE
"""Octets of files, or of a whole message. Nobody waits while another's large one is written; and what goes in
slices goes in no pipeline."""

ONE_BATCH_AT_MOST = gather.SIZE
"""Written as it shall stay, batch included. What is larger is staged, and gathered when it is all there."""

STAGED_AT_ONCE = 2_500
"""Deliveries written in one transaction: nobody waits long for SQLite's lock meanwhile."""

CACHED_WHILE_STAGING = 16 * 1024
"""KiB of SQLite's cache meanwhile: deliveries are added at the end, where the cache is of little use."""

SHARES_A_BATCH_AT_MOST = 1 << 20
"""Characters of a letter that goes with others in a batch, of which a worker holds all letters at once."""

WHOLE_SHARES_A_BATCH_AT_MOST = 64 * 1024
"""Octets of a whole message that does: those of a batch are read together."""
