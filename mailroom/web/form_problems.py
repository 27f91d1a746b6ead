"""Form problems: what is wrong with a form, each at its field."""

from __future__ import annotations

from mailroom.content.writing.converter import CONVERTER_BUSY

SEEN = "seen"
"""The field that says as of when its writer saw what a form changes; without it nothing is compared."""


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
