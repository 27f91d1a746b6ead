"""The form of a template: as typed, and the letter that it describes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mailroom.content.addresses import Address, AddressError, format_address, parse_address
from mailroom.content.merge.plain import MergeError
from mailroom.content.recipients.pasted import parse_pasted
from mailroom.content.templates.template_letter import (
    LONGEST_TEMPLATE_NAME,
    TemplateLetter,
    letter_of,
    problems_of,
)
from mailroom.content.text.characters import misplaced
from mailroom.content.writing.converter import NotConverted
from mailroom.content.writing.written import Format
from mailroom.content.writing.written_template import written_as
from mailroom.ledger.templates.stored import KeptLetter, StoredTemplate
from mailroom.web.form_problems import SEEN, FormProblems
from mailroom.web.templates.variable_lines import BadLine, lines_of, variables_of
from mailroom.web.writing.written_form import WRITTEN_FIELDS, fields_of, written_in

TEMPLATE_OVERTAKEN = (
    "Somebody changed this template after you opened it, and nothing was kept. What you typed still stands "
    "here: look at theirs first, or press again, and yours takes its place."
)

TEMPLATE_FIELDS = (SEEN, "name", "alias", "sender", "reply_to", "subject", "variables", *WRITTEN_FIELDS)

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}").fullmatch


@dataclass(slots=True)
class TemplateForm(FormProblems):
    """Typed values by field name, and problems as (field, sentence)."""

    typed: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    is_overtaken: bool = False

    def stop_if_overtaken(self, template: StoredTemplate, letter: KeptLetter) -> None:
        """Nobody undoes what they have not seen; who is told of it has seen it."""
        now = as_of(template)
        is_there = (self.name, self.alias, letter) == (template.name, template.alias, template.letter)
        if not self.problems and not is_there and self.value(SEEN) not in ("", now):
            self.is_overtaken = True
            self.typed[SEEN] = now
            self.refuse("write", TEMPLATE_OVERTAKEN)

    def value(self, name: str) -> str:
        return self.typed.get(name, "")

    @property
    def alias(self) -> str | None:
        return self.value("alias").strip() or None

    @property
    def name(self) -> str:
        return self.value("name").strip()

    def letter(self) -> TemplateLetter:
        """What it describes. What is wrong goes into `problems`."""
        self._check_names()
        letter = TemplateLetter(
            sender=self._sender(),
            reply_to=self._reply_to(),
            subject=self.value("subject").strip(" \t"),
        )
        letter = self._written(letter)
        try:
            letter = replace(letter, variables=variables_of(self.value("variables")))
        except BadLine as reason:
            self.refuse("variables", str(reason))
        if not letter.html.strip() and not letter.text.strip():
            self.refuse(self.value("format") or "text", "Write a text, or an HTML body, or both.")
        self.problems += problems_of(letter)
        return letter

    def _written(self, letter: TemplateLetter) -> TemplateLetter:
        sender = parse_address(letter.sender) if letter.sender else Address("")
        source = written_in(self, self.typed, sender.name or sender.address, has_template=False)
        if source is None or source.format == Format.TEXT:
            html = "" if source else self.value("html")
            return replace(letter, text=_lines(self.value("text")), html=_lines(html))
        try:
            return written_as(letter, source)
        except (NotConverted, MergeError) as trouble:
            self.refuse(source.format.value, str(trouble))
            return replace(letter, text=source.source)

    def _check_names(self) -> None:
        if not self.name:
            self.refuse("name", "Give the template a name.")
        elif len(self.name) > LONGEST_TEMPLATE_NAME:
            self.refuse("name", f"A name has at most {LONGEST_TEMPLATE_NAME} characters.")
        elif reason := misplaced(self.name):
            self.refuse("name", f"The name {reason}.")
        if self.alias and not _ALIAS(self.alias):
            self.refuse("alias", "An alias has up to 100 letters, digits and . _ - only.")

    def _sender(self) -> str:
        typed = self.value("sender").strip()
        try:
            return format_address(parse_address(typed)) if typed else ""
        except AddressError as reason:
            self.refuse("sender", str(reason))
            return ""

    def _reply_to(self) -> tuple[str, ...]:
        parsed = parse_pasted(self.value("reply_to"))
        for problem in parsed.problems[:3]:
            self.refuse("reply_to", problem.message)
        return tuple(format_address(Address(one.address, one.name)) for one in parsed.recipients[:50])


def as_of(template: StoredTemplate) -> str:
    return template.updated_at.isoformat()


def form_of(template: StoredTemplate) -> TemplateForm:
    form = form_with(template.name, template.alias, letter_of(template.letter))
    form.typed[SEEN] = as_of(template)
    return form


def form_with(name: str, alias: str | None, letter: TemplateLetter) -> TemplateForm:
    return TemplateForm(
        {
            "name": name,
            "alias": alias or "",
            "sender": letter.sender,
            "reply_to": ", ".join(letter.reply_to),
            "subject": letter.subject,
            "variables": lines_of(letter.variables),
            **fields_of(letter),
        }
    )


def typed_form(given: Mapping[str, str]) -> TemplateForm:
    """The form as a browser sent it."""
    return TemplateForm({name: given[name].replace("\x00", "") for name in TEMPLATE_FIELDS if name in given})


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")
