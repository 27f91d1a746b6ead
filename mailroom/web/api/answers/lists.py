"""Response models of kept lists, and how they are filled."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from mailroom.engine.lists.arrivals import ListChanges
from mailroom.ledger.lists.consent import ConsentFact
from mailroom.ledger.lists.kept import KeptList
from mailroom.ledger.lists.members import Member
from mailroom.web.api.answers.mails import ID, AnswerModel
from mailroom.web.api.answers.shown import instant


class KeptListAnswer(AnswerModel):
    """A list, without those who are on it."""

    object: Literal["recipients_list"] = "recipients_list"
    id: UUID = Field(examples=[ID])
    name: str = Field(examples=["Digest"])
    list_: str = Field(
        alias="list", description="What recipients of its bulk mail unsubscribe from.", examples=["digest"]
    )
    total: int = Field(examples=[1200])
    columns: list[str] = Field(examples=[["city"]])
    shared: bool
    is_ready: bool = Field(description="false: it is being imported, or its last import broke off.")
    created_at: datetime
    updated_at: datetime


class KeptListsAnswer(AnswerModel):
    object: Literal["list"] = "list"
    has_more: bool
    data: list[KeptListAnswer]


class RemovedListAnswer(AnswerModel):
    object: Literal["recipients_list"] = "recipients_list"
    id: UUID = Field(examples=[ID])
    deleted: Literal[True] = True


class ConsentAnswer(AnswerModel):
    """A fact: given or withdrawn, when, how, by what evidence; and when Mailroom was told."""

    given: bool
    at: datetime
    how: str = Field(examples=["form"])
    evidence: str
    noted_at: datetime


class ListRecipientAnswer(AnswerModel):
    """One recipient of a list; `consent`: what holds."""

    address: str = Field(examples=["ann@example.org"])
    name: str
    variables: dict[str, str | int | float | bool | None] = Field(examples=[{"city": "Berlin"}])
    consent: ConsentAnswer | None
    created_at: datetime
    updated_at: datetime


class ListRecipientsAnswer(AnswerModel):
    object: Literal["list"] = "list"
    has_more: bool
    next: int | None = Field(description="Give it as `after`.")
    data: list[ListRecipientAnswer]


class ConsentHistoryAnswer(AnswerModel):
    """Every fact of somebody's consent, the latest first."""

    object: Literal["list"] = "list"
    address: str
    data: list[ConsentAnswer]


class TakenOffAnswer(AnswerModel):
    object: Literal["recipients_list"] = "recipients_list"
    id: UUID = Field(examples=[ID])
    removed: int


class ChangeExampleAnswer(AnswerModel):
    """One whom an import adds, changes or removes."""

    address: str = Field(examples=["ann@example.org"])
    change: str = Field(examples=["city: Rome → Berlin"])


class ListImportAnswer(AnswerModel):
    """What an import changed, or would; `examples` of each kind."""

    object: Literal["list_import"] = "list_import"
    id: UUID = Field(examples=[ID])
    dry_run: bool
    added: int
    changed: int
    removed: int
    unchanged: int
    consents: int = Field(description="Of so many another fact of consent holds then.")
    duplicates: int = Field(description="Addresses that were sent again; the first one counts.")
    examples: dict[str, list[ChangeExampleAnswer]]


def list_shown(found: KeptList) -> dict[str, Any]:
    """A KeptListAnswer."""
    return {
        "object": "recipients_list",
        "id": found.uid,
        "name": found.name,
        "list": found.list_name,
        "total": found.total,
        "columns": list(found.columns),
        "shared": found.is_shared,
        "is_ready": found.importing_until is None,
        "created_at": instant(found.created_at),
        "updated_at": instant(found.updated_at),
    }


def recipient_shown(one: Member) -> dict[str, Any]:
    """A ListRecipientAnswer."""
    return {
        "address": one.address,
        "name": one.name,
        "variables": dict(one.variables),
        "consent": consent_shown(one.consent) if one.consent else None,
        "created_at": instant(one.created_at),
        "updated_at": instant(one.updated_at),
    }


def consent_shown(fact: ConsentFact) -> dict[str, Any]:
    """A ConsentAnswer."""
    moments = {"at": instant(fact.at), "noted_at": instant(fact.noted_at)}
    return {"given": fact.given, "how": fact.how, "evidence": fact.evidence, **moments}


def changes_shown(uid: str, changes: ListChanges, duplicates: int, *, dry_run: bool) -> dict[str, Any]:
    """A ListImportAnswer."""
    examples = {
        kind: [{"address": address, "change": words} for address, words in some]
        for kind, some in changes.examples.items()
    }
    return {
        "object": "list_import",
        "id": uid,
        "dry_run": dry_run,
        **changes.counts._asdict(),
        "consents": changes.consents,
        "duplicates": duplicates,
        "examples": examples,
    }
