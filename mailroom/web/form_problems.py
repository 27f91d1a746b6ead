"""Form problems: what is wrong with a form, each at its field."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from mailroom.content.writing.converter import CONVERTER_BUSY

SEEN = "seen"
"""The field that says as of when its writer saw what a form changes; without it nothing is compared."""


def as_seen(*words: str) -> str:
    """What a form changes, as its writer sees it: a digest, for the field `seen`."""
    return sha256("\0".join(words).encode()).hexdigest()[:16]


def overtaken(what: str, who: str = "Somebody") -> str:
    return (
        f"{who} changed {what} after you opened this page, and nothing was kept. Look at what stands there "
        "now in another tab, or press again, and what you typed takes its place."
    )


class FormProblems:
    """A form that says what is wrong with it; its fields are the subclass's."""

    __slots__ = ()

    problems: list[tuple[str, str]]
    """(field, sentence)"""

    def problems_of(self, name: str) -> list[str]:
        return [sentence for field, sentence in self.problems if field == name]

    @property
    def is_for_later(self) -> bool:
        """Whether the same form may be taken in a minute."""
        return any(sentence == CONVERTER_BUSY for _, sentence in self.problems)

    @property
    def refusal(self) -> int:
        """The status of the answer that shows it with what is wrong."""
        return 503 if self.is_for_later else 422

    def refuse(self, name: str, sentence: str) -> None:
        self.problems.append((name, sentence))


@dataclass(slots=True, kw_only=True)
class ChangeForm(FormProblems):
    """A form that changes what is there. `seen`: what that was when it was opened; "" is not compared."""

    seen: str = ""

    def stop_if_overtaken(self, now: str, name: str, sentence: str) -> None:
        """Nobody undoes what they have not seen; who is told of it, at the field `name`, has seen it."""
        if not self.problems and self.seen not in ("", now):
            self.seen = now
            self.refuse(name, sentence)
