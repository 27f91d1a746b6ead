from __future__ import annotations

from mailroom.engine.deliver import deliver_batch


def deliver(batch_id: int, epoch: int) -> None:
    """Send the batch, if it still is at that epoch. Its name is in Redis: keep it."""
    deliver_batch(batch_id, epoch)
