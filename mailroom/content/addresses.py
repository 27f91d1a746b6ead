"""E-mail addresses: read from what people type, written as people read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mailroom.content.private_domains import are_any, is_private
from mailroom.content.text.characters import misplaced

ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~-"

# Accepts only what email-validator accepts as well, in a fiftieth of its time. Whatever
# it does not match (other scripts, Punycode, reserved and odd names, mistakes) goes there.
_PLAIN_LOCAL = rf"[{ATEXT}]{{1,64}}+(?:\.[{ATEXT}]{{1,64}}+)*+"
PLAIN_ADDRESS = re.compile(
    rf"({_PLAIN_LOCAL})@"
    r"((?:(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)++"
    r"(?!(?i:arpa|invalid|local|localhost|onion)\Z)[A-Za-z]{2,63}+)"
).fullmatch

_PLAIN_LOCALS = re.compile(rf"{_PLAIN_LOCAL}(?:\n{_PLAIN_LOCAL})*+").fullmatch

DOT_ATOM = re.compile(rf"[{ATEXT}]+(?:\.[{ATEXT}]+)*").fullmatch

# What may stand in the quotes; no angle brackets, at which everybody looks for an address's ends.
QUOTED_LOCAL = re.compile(r'"((?:[ !#-;=?-\[\]-~]|\\[ -;=?-~])++)"').fullmatch
LONGEST_LOCAL = 64

UNSAFE_IN_ADDRESS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
INVISIBLE = "\ufeff\u200b\u2060"
"""Comes along from web pages and spreadsheets, and means nothing at an address's ends."""

MAX_LENGTH = 254


class AddressError(ValueError):
    """Not an address we can mail; `str()` is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """`address` is as it goes into RCPT TO: the domain in lower case, other scripts as A-labels."""

    address: str
    name: str = ""

    @property
    def key(self) -> str:
        """The same for two spellings of one mailbox."""
        return self.address.lower()

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def parse_address(text: str) -> Address:
    """One address, bare or with a name: `Ann Lee <ann@example.org>`, `"Lee, Ann" <ann@example.org>`.

    Raises AddressError.
    """
    plain = parse_plain(text)
    if plain is not None:
        return Address(plain)
    if UNSAFE_IN_ADDRESS.search(text.strip()):
        raise AddressError("An address cannot contain a line break or another control character.")
    text = text.strip().strip(INVISIBLE).strip()
    if not text:
        raise AddressError("The address is empty.")
    if "<" not in text and ">" not in text:
        _refuse_unseen(text)
        return Address(parse_bare(text))
    return _parse_named(text)


def parse_plain(text: str) -> str | None:
    """The address when it is a plain one, else None: not wrong, but not for the fast path."""
    match = PLAIN_ADDRESS(text)
    if match is None or len(text) > MAX_LENGTH:
        return None
    local, domain = match.groups()
    return f"{local}@{domain.lower()}"


def all_plain(texts: Sequence[str]) -> Sequence[str] | None:
    """As parse_plain for each of them; None when one of them is not plain."""
    if not _are_plain(texts) or max(map(len, texts), default=0) > MAX_LENGTH:
        return None
    if texts == list(map(str.lower, texts)):
        return texts
    return [address for text in texts if (address := parse_plain(text))]


def _are_plain(texts: Sequence[str]) -> bool:
    """Whether PLAIN_ADDRESS matches each: each domain is judged once, what is before the @ together."""
    if not texts:
        return True
    locals_, ats, domains = zip(*[text.partition("@") for text in texts], strict=True)
    lines = "\n".join(locals_)
    if not all(ats) or lines.count("\n") != len(locals_) - 1 or not _PLAIN_LOCALS(lines):
        return False
    return all(PLAIN_ADDRESS(f"a@{domain}") for domain in set(domains))


def parse_bare(text: str) -> str:
    """An address without a name, in its RCPT TO form. Raises AddressError."""
    if text[:7].lower() == "mailto:":
        text = text[7:]
    return parse_plain(text) or _parse_unusual(text)


def _parse_named(text: str) -> Address:
    name, opening, bare = text.rpartition("<")
    if not opening or not bare.endswith(">"):
        raise AddressError("The angle brackets do not match: write Ann Lee <ann@example.org>.")
    name = name.strip().strip(INVISIBLE).strip()
    _refuse_unseen(name)
    _refuse_unseen(bare)
    if not _is_quoted(name) and ("<" in name or ("@" in name and re.search("[,;]", name))):
        raise AddressError("There is more than one address here.")
    return Address(parse_bare(bare[:-1].strip()), clean_name(name))


def _refuse_unseen(text: str) -> None:
    if reason := misplaced(text):
        raise AddressError(f"The name or address {reason}: delete it, or type the words anew.")


def _is_quoted(name: str) -> bool:
    return len(name) > 1 and name[0] == name[-1] == '"'


def clean_name(name: str) -> str:
    """A display name without its quotes, line breaks and doubled spaces."""
    name = name.strip().strip(INVISIBLE).strip()
    if '"' not in name and "  " not in name and name.isprintable():
        return name
    if _is_quoted(name):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return " ".join(UNSAFE_IN_ADDRESS.sub(" ", name).split())


def clean_names(names: Sequence[str]) -> Iterable[str]:
    """The same for each of many, which are mostly clean."""
    together = "|".join(names)
    if together.isprintable() and '"' not in together and "  " not in together:
        return map(str.strip, names)  # what is INVISIBLE is not printable
    return map(clean_name, names)


def _parse_unusual(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if " " in text and '"' not in text:
        raise AddressError(_about_spaces(text))
    if not at:
        raise AddressError("An email address must have an @-sign.")
    if not local.isascii():
        raise AddressError(f"Only ASCII can be mailed before the @ yet: “{local[:64]}” has other characters.")
    if len(text) > 4 * MAX_LENGTH:
        raise AddressError("The email address is far too long.")
    if DOT_ATOM(local) or (local := _in_quotes(local)):
        address = f"{local}@{_ascii_domain(domain)}"
        if len(address) <= MAX_LENGTH:
            return address
    return _validated(text)


def _in_quotes(local: str) -> str:
    """A quoted local part (RFC 5321, 4.1.2), without quotes that it does not need; "" when it is none."""
    if not _is_quoted(local):
        return ""
    found = QUOTED_LOCAL(local)
    if found is None:
        raise AddressError("Between the quotes before the @ is nothing, or what cannot stand in quotes.")
    meant = re.sub(r"\\(.)", r"\1", found[1])
    local = meant if DOT_ATOM(meant) else quoted(meant)
    if len(local) > LONGEST_LOCAL:
        raise AddressError(f"There are more than {LONGEST_LOCAL} characters before the @.")
    return local


def _ascii_domain(domain: str) -> str:
    """The domain as it goes over the wire, in A-labels of IDNA 2008. Raises AddressError."""
    try:
        return _public_domain(domain)
    except AddressError:
        if name := _private_domain(domain):
            return name
        raise


@lru_cache(maxsize=10_000)
def _public_domain(domain: str) -> str:
    return _validated(f"a@{domain}")[2:]


def _private_domain(domain: str) -> str:
    """The domain as it goes over the wire, when the settings name it, else ""."""
    if not are_any():
        return ""
    try:  # below a public name, where only its own form is judged
        name = _public_domain(f"{domain}.example").removesuffix(".example")
    except AddressError:
        return ""
    return name if is_private(name) else ""


def _validated(text: str) -> str:
    # Here, because this library takes its time to load, and few addresses need it.
    from email_validator import EmailNotValidError, validate_email

    try:
        # test_environment: addresses under .test are good for trying things out.
        found = validate_email(text, allow_smtputf8=False, check_deliverability=False, test_environment=True)
    except EmailNotValidError as refusal:
        raise AddressError(str(refusal)) from None
    return found.ascii_email or found.normalized


def _about_spaces(text: str) -> str:
    if text.count("@") > 1:
        return "There is more than one address here: separate them by commas or line breaks."
    if "@" in text:
        return "An address has no spaces. With a name, write Ann Lee <ann@example.org>."
    return "An email address must have an @-sign."


PHRASE = re.compile(rf"[{ATEXT}]+(?: [{ATEXT}]+)*").fullmatch
"""A name that needs no quotes in a header."""


def format_address(address: Address) -> str:
    """For people, and for `parse_address` to read again: `"Lee, Ann" <ann@example.org>`."""
    if not address.name:
        return address.address
    return f"{_quoted_if_needed(address.name)} <{address.address}>"


def read_formatted(text: str) -> Address:
    """What format_address wrote of an address that was judged once, whatever holds by now."""
    name, opening, bare = text.rpartition("<")
    return Address(bare.removesuffix(">"), clean_name(name)) if opening else Address(text)


def _quoted_if_needed(name: str) -> str:
    if re.search(r'[,;:<>@"\\()\[\]]', name):
        return quoted(name)
    return name


def quoted(text: str) -> str:
    """`text` as a quoted-string of RFC 5322."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
