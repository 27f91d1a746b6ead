"""The form of a provider's keys, as typed and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailroom.feedback.providers.known import LONGEST_PROVIDER_KEY, Provider
from mailroom.web.form_problems import ChangeForm, as_seen, overtaken

KEYS_OVERTAKEN = overtaken("these keys")

SHOWN_END = 6
"""Characters: so that two keys that end in base64's filling are told apart."""

MOST_KEYS = 5
"""An old and a new one, or one for each of some accounts."""


@dataclass(slots=True)
class ProviderForm(ChangeForm):
    """`typed`: a key in each line; `problems`: (field, sentence)."""

    typed: str = ""
    problems: list[tuple[str, str]] = field(default_factory=list)

    def keys(self, provider: Provider, kept: Sequence[str] = ()) -> list[str]:
        """Those that are to hold; see `problems`. A line that shows the end of a kept one means that.

        None is fine: some providers want the URL before they tell their key.
        """
        lines = list(dict.fromkeys(line.strip() for line in self.typed.splitlines() if line.strip()))
        meant = {cut(key): key for key in kept}
        found = [meant.get(line, line) for line in lines]
        if len(found) > MOST_KEYS:
            self.refuse("keys", f"At most {MOST_KEYS} can hold at once.")
        for number, key in enumerate(found[:MOST_KEYS], start=1):
            if not is_key(provider, key):
                self.refuse("keys", f"Line {number} is no {provider.key_name} of {provider.title}.")
        return found


def form_of_keys(keys: Sequence[str]) -> ProviderForm:
    """As they are kept."""
    shown = [cut(key) for key in keys]
    return ProviderForm("\n".join(shown), seen=as_seen(*shown))


def is_key(provider: Provider, key: str) -> bool:
    if len(key) > LONGEST_PROVIDER_KEY or not key.isascii() or not key.isprintable():
        return False
    try:
        provider.check(key)
    except ValueError:
        return False
    return True


def cut(key: str) -> str:
    """What is shown of a key that is kept. A topic's ARN is no secret, and its end is its name."""
    return key if key.startswith("arn:") else f"…{key[-SHOWN_END:]}"
