"""Arguments of MAIL and RCPT: a path and its parameters (RFC 5321, 4.1.1.11 and 4.1.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailroom.submission.limits import LARGEST_SUBMISSION

PUT_ASIDE = {
    "MAIL": ("AUTH", "BODY", "ENVID", "MT-PRIORITY", "RET", "SIZE", "SMTPUTF8"),
    "RCPT": ("NOTIFY", "ORCPT"),
}
"""Programs send them unasked. Nothing here depends on one of them, or a wish is not granted, as by a
server of old; what must not be overlooked (REQUIRETLS, HOLDFOR, BY and their like) is refused."""

_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_ARGUMENT = re.compile(
    rf'[ \t]*+(?:<(?P<path>(?:{_QUOTED}|[^"<>])*+)>|(?P<bare>(?:{_QUOTED}|[^\s"<>])++))'
    r"(?P<rest>(?:[ \t].*)?)",
    re.DOTALL,
).fullmatch
_ROUTE = re.compile(r"@[^\s:,@]++(?:,@[^\s:,@]++)*+:")
"""Of old: the servers that a message should go through. It is to be ignored (RFC 5321, C)."""

_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*").fullmatch


class ArgumentRefused(ValueError):
    """str() is the reply."""


@dataclass(frozen=True, slots=True)
class Argument:
    """`address` is "" for the null path, `<>`. Parameters by their names in capitals, "" without a value."""

    address: str
    parameters: Mapping[str, str]


def argument_of(command: str, preposition: str, text: str | None) -> Argument:
    """What was given to MAIL or RCPT. Raises ArgumentRefused."""
    given = text or ""
    found = _ARGUMENT(given[len(preposition) :]) if given.upper().startswith(preposition) else None
    if found is None:
        raise ArgumentRefused(f"501 5.5.4 Syntax: {command} {preposition}<address> [SP <parameters>]")
    path = str(found["bare"] if found["path"] is None else found["path"])
    parameters = dict(_parameter(command, word) for word in found["rest"].split())
    _check(parameters)
    return Argument(_ROUTE.sub("", path, count=1) if path.startswith("@") else path, parameters)


def _parameter(command: str, word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    if _KEYWORD(name) is None:
        raise ArgumentRefused("501 5.5.4 Parameters are written NAME=value, with blanks between them")
    if name.upper() not in PUT_ASIDE[command]:
        raise ArgumentRefused(f"555 5.5.4 The parameter {name.upper()} is not known here")
    return name.upper(), value


def _check(parameters: Mapping[str, str]) -> None:
    """Of what is announced: BODY and SIZE."""
    if parameters.get("BODY", "7BIT").upper() not in ("7BIT", "8BITMIME"):
        raise ArgumentRefused("501 5.5.4 BODY can be 7BIT or 8BITMIME")
    size = parameters.get("SIZE", "0")
    if re.fullmatch(r"[0-9]{1,20}", size) is None:
        raise ArgumentRefused("501 5.5.4 SIZE is a number of octets")
    if int(size) > LARGEST_SUBMISSION:
        raise ArgumentRefused(f"552 5.3.4 A message can have {LARGEST_SUBMISSION} octets")
