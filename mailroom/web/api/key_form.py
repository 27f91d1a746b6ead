"""Form of a new API key, checked: by the page and by the command."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.text.typed_numbers import typed_number
from mailroom.ledger.people import api_keys
from mailroom.web.form_problems import FormProblems

LONGEST_KEY_NAME = 100
MOST_DAYS = 3650
LONGEST_NUMBER = 18
"""Digits that any database holds."""


@dataclass(slots=True)
class KeyForm(FormProblems):
    """The wishes as typed; `problems`: (field, sentence)."""

    name: str
    scopes: Sequence[str]
    senders: str = ""
    expires_in: str = ""
    rate: str = ""
    shares_with: str = ""
    problems: list[tuple[str, str]] = field(default_factory=list)

    def values(self) -> dict[str, object]:
        """For api_keys.add. What is wrong goes into `problems`: look there first."""
        return {
            "name": self._name(),
            "scopes": self._scopes(),
            "senders": self._senders(),
            "expires_at": self._expires_at(),
            "rate": self._rate(),
            "shares_with": self._shares_with(),
        }

    def refuse_sharing(self) -> None:
        """Notes that no key has the number that was given."""
        self.refuse("shares_with", "There is no key of this number.")

    def _name(self) -> str:
        name = " ".join(self.name.split())
        if not name or not name.isprintable():
            self.refuse("name", "Give it a name that tells who uses it.")
        elif len(name) > LONGEST_KEY_NAME:
            self.refuse("name", f"A name has at most {LONGEST_KEY_NAME} characters.")
        return name

    def _scopes(self) -> list[str]:
        chosen = [scope for scope in api_keys.SCOPES if scope in self.scopes]
        if not chosen or len(chosen) != len(set(self.scopes)):
            self.refuse("scopes", "Choose what it may do: send, read or admin.")
        return chosen

    def _senders(self) -> list[str]:
        return [self._sender(word) for word in re.split(r"[\s,;]+", self.senders) if word]

    def _sender(self, word: str) -> str:
        """An address, or a domain with or without an @ before it."""
        domain = word.removeprefix("@")
        try:
            whole = parse_address(word if "@" in domain else f"a@{domain}").key
        except AddressError:
            self.refuse("senders", f"“{word[:100]}” is neither an address nor a domain.")
            return word
        return whole if "@" in domain else whole.rpartition("@")[2]

    def _expires_at(self) -> datetime | None:
        typed = self.expires_in.strip()
        if not typed:
            return None
        days = typed_number(typed, MOST_DAYS)
        if days is None:
            self.refuse("expires_in", f"Say after how many days, from 1 to {MOST_DAYS}.")
            return None
        return datetime.now(UTC) + timedelta(days=days)

    def _shares_with(self) -> int | None:
        number = self.shares_with.strip()
        if not number:
            return None
        if not number.isascii() or not number.isdecimal() or len(number) > LONGEST_NUMBER:
            self.refuse_sharing()
            return None
        return int(number)

    def _rate(self) -> str:
        rate = self.rate.strip() or api_keys.RATE
        if re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour)", rate) is None:
            self.refuse("rate", "Write it like 100/second, 600/minute or 5000/hour.")
            return api_keys.RATE
        return rate
