"""Form problems: what is wrong with a form, each at its field."""

from __future__ import annotations


class FormProblems:
    """A form that says what is wrong with it; its fields are the subclass's."""

    __slots__ = ()

    problems: list[tuple[str, str]]
    """(field, sentence)"""

    def problems_of(self, name: str) -> list[str]:
        return [sentence for field, sentence in self.problems if field == name]

    def refuse(self, name: str, sentence: str) -> None:
        self.problems.append((name, sentence))
