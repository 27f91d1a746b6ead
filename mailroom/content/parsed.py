"""What reading a list of recipients gives: who, what was wrong, what was there twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Recipient(NamedTuple):  # there may be a hundred thousand, and a dataclass takes its time
    """One who gets the mailing. `variables` fill its merge tags; `role` is to, cc or bcc."""

    address: str
    name: str = ""
    variables: dict[str, str] | None = None
    role: str = "to"

    @property
    def key(self) -> str:
        """The same for two spellings of one mailbox."""
        return self.address.lower()


@dataclass(frozen=True, slots=True)
class Problem:
    """An entry that was left out: its line (from 1; 0 where there is none), its text, and why."""

    line: int
    text: str
    message: str


@dataclass(slots=True)
class Parsed:
    """A list of recipients, each address once. `columns` are the names of their variables."""

    recipients: list[Recipient] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    duplicates: list[Problem] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)


def merge(*lists: Parsed) -> Parsed:
    """All lists as one; an address that an earlier list has is dropped and reported."""
    merged = Parsed()
    seen: set[str] = set()
    for parsed in lists:
        merged.problems += parsed.problems
        merged.duplicates += parsed.duplicates
        merged.columns += [name for name in parsed.columns if name not in merged.columns]
    filled = [parsed.recipients for parsed in lists if parsed.recipients]
    if len(filled) == 1:  # the usual case: nobody to compare with
        merged.recipients += filled[0]
        return merged
    for recipients in filled:
        for recipient in recipients:
            key = recipient.key
            if key in seen:
                merged.duplicates.append(Problem(0, recipient.address, "is in more than one list"))
                continue
            seen.add(key)
            merged.recipients.append(recipient)
    return merged
