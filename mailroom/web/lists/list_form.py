"""The form of a list's own fields: its name, and whether programs may use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mailroom.content.links.unsubscribe import list_name_of
from mailroom.content.lists.list_title import NameUnfit, title_of
from mailroom.engine.lists.making import NewListName
from mailroom.ledger.lists.kept import KeptList
from mailroom.web.form_problems import SEEN, ChangeForm, as_seen, overtaken

LIST_OVERTAKEN = overtaken("the name or the sharing of this list")


@dataclass(slots=True)
class ListForm(ChangeForm):
    """As typed; `name` is read when it is made."""

    typed: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_shared(self) -> bool:
        return "shared" in self.typed

    @property
    def columns(self) -> dict[str, Any]:
        return {"name": self.name, "list_name": list_name_of(self.name), "is_shared": self.is_shared}

    def new(self, user_id: int) -> NewListName:
        return NewListName(self.name, list_name_of(self.name), user_id=user_id, is_shared=self.is_shared)

    def refuse_taken(self) -> None:
        self.refuse("name", "Another list has this name.")


def as_of_list(one: KeptList) -> str:
    return as_seen(one.name, "shared" if one.is_shared else "")


def typed_list(typed: Mapping[str, str]) -> ListForm:
    form = ListForm(typed, seen=typed.get(SEEN, ""))
    try:
        form.name = title_of(typed.get("name", "").replace("\0", ""))
    except NameUnfit as reason:
        form.refuse("name", str(reason))
    return form
