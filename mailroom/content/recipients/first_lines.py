"""Deduplication of a list: on which line each address stands first."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

MOST_WHOLE = 50_000
"""Addresses that are held as they are, beside those that others hold. Of more, a digest each: a tenth of the
memory, and a microsecond.
"""

BUCKETS = 1 << 16
DIGEST_OCTETS = 12  # 96 bits: two addresses of a million have the same with a chance of 1 in 10 ** 17
LINE_OCTETS = 4
ENTRY_OCTETS = DIGEST_OCTETS + LINE_OCTETS
LAST_LINE = (1 << 8 * LINE_OCTETS) - 1


class FirstLines:
    """Lines from 1, by an address's key; like a dict that is only added to."""

    def __init__(self) -> None:
        self._whole: dict[str, int] = {}
        self._buckets: list[bytes] = []  # each some entries, one behind the other: digest, line

    def get(self, key: str, otherwise: int = 0) -> int:
        if self._buckets:
            digest = _digest(key)
            return _line_in(self._buckets[digest[0] << 8 | digest[1]], digest) or otherwise
        return self._whole.get(key, otherwise)

    def __contains__(self, key: str) -> bool:
        return self.get(key) != 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FirstLines):
            return NotImplemented
        return (self._whole, self._buckets) == (other._whole, other._buckets)

    __hash__ = None  # type: ignore[assignment]

    def setdefault(self, key: str, line: int) -> int:
        """The line on which it stands first; this one, when it is new."""
        return self.setdefault_all((key,), (line,))[0]

    def setdefault_all(
        self, keys: Iterable[str], lines: Iterable[int], *, are_held: bool = False
    ) -> list[int]:
        """The same of some thousand. `are_held`: by somebody else in any case, so they take no memory."""
        if self._buckets:
            return self._setdefault_all(keys, lines)
        firsts = list(map(self._whole.setdefault, keys, lines))
        if len(self._whole) > MOST_WHOLE and not are_held:
            whole, self._whole = self._whole, {}
            self._buckets = [b""] * BUCKETS
            self._setdefault_all(whole.keys(), whole.values())
        return firsts

    def _setdefault_all(self, keys: Iterable[str], lines: Iterable[int]) -> list[int]:
        """In one loop: a call for each of a million takes a second."""
        buckets, firsts = self._buckets, []
        for key, line in zip(keys, lines, strict=True):
            digest = _digest(key)
            place = digest[0] << 8 | digest[1]
            bucket = buckets[place]
            if digest in bucket and (first := _line_in(bucket, digest)):
                firsts.append(first)
                continue
            buckets[place] = bucket + digest + min(line, LAST_LINE).to_bytes(LINE_OCTETS)
            firsts.append(line)
        return firsts


def _digest(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=DIGEST_OCTETS).digest()


def _line_in(bucket: bytes, digest: bytes) -> int:
    """0: it is not there."""
    at = bucket.find(digest)
    while at > 0 and at % ENTRY_OCTETS:  # across two entries
        at = bucket.find(digest, at + 1)
    return 0 if at < 0 else int.from_bytes(bucket[at + DIGEST_OCTETS : at + ENTRY_OCTETS])
