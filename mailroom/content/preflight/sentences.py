"""Sentences of findings that hold for some recipients: what is odd, for how many, what to do."""

from __future__ import annotations

from collections.abc import Callable

from mailroom.content.preflight.kinds import Kind, people
from mailroom.content.preflight.letter import about_link
from mailroom.content.preflight.tally import Found, Odd


def sentence_of(odd: Odd, found: Found, beside: Callable[[str], str]) -> str:
    """`beside`: what stands where a tag comes out empty."""
    return _SENTENCES[odd.kind](odd, found, beside)


Write = Callable[[Odd, Found, Callable[[str], str]], str]


def _bad_address(odd: Odd, found: Found, beside: Callable[[str], str]) -> str:
    entries = "1 entry" if found.count == 1 else f"{found.count:,} entries"
    return f"{entries} cannot be mailed, and would be left out: {_examples(found)}"


def _duplicate(odd: Odd, found: Found, beside: Callable[[str], str]) -> str:
    return f"{_addresses(found)} there more than once, and {_verb(found, 'get')} one mail: {_examples(found)}"


def _suppressed(odd: Odd, found: Found, beside: Callable[[str], str]) -> str:
    return (
        f"{_addresses(found)} on the suppression list, and {_verb(found, 'get')} nothing: {_examples(found)}"
    )


def _empty(odd: Odd, found: Found, beside: Callable[[str], str]) -> str:
    shown = beside(odd.about)
    read = f", who {_verb(found, 'read')} “{shown}”" if shown else ""
    fallback = f'{{{{ {odd.about} | default: "..." }}}}'
    return f"{{{{ {odd.about} }}}} is empty for {people(found.count)}{read}. Fill it, or write {fallback}."


def _lacking(odd: Odd, found: Found, beside: Callable[[str], str]) -> str:
    tag = f"{{{{ {odd.about} }}}}"
    return (
        f"The template wants a value for {tag}, which is missing for {people(found.count)}. Fill it, or give "
        "the template a fallback for it."
    )


def _template_error(odd: Odd, found: Found, beside: Callable[[str], str]) -> str:
    return f"For {people(found.count)}: {found.examples[0] if found.examples else 'various reasons.'}"


def _too_large(odd: Odd, found: Found, beside: Callable[[str], str]) -> str:
    size = f"{found.largest / 1000:,.0f} kB"
    if odd.about:
        limit = f"{int(odd.about) / 1000:,.0f} kB"
        return f"For {people(found.count)} the message has up to {size}, and the relay takes {limit}."
    return (
        f"For {people(found.count)} the message has up to {size} without its files: from 100 kB on Gmail and "
        "others show its beginning only."
    )


def _http_link(odd: Odd, found: Found, beside: Callable[[str], str]) -> str:
    source, _, problem = odd.about.partition("\n")
    if not found.examples:
        return f"For {people(found.count)} further links are not right."
    return f"For {people(found.count)} {source} makes this: {about_link(found.examples[0], problem)}"


_SENTENCES: dict[Kind, Write] = {
    Kind.BAD_ADDRESS: _bad_address,
    Kind.DUPLICATE: _duplicate,
    Kind.SUPPRESSED: _suppressed,
    Kind.EMPTY_VALUE: _empty,
    Kind.UNKNOWN_VARIABLE: _lacking,
    Kind.TEMPLATE_ERROR: _template_error,
    Kind.TOO_LARGE: _too_large,
    Kind.HTTP_LINK: _http_link,
}


def _addresses(found: Found) -> str:
    return "1 address is" if found.count == 1 else f"{found.count:,} addresses are"


def _verb(found: Found, verb: str) -> str:
    return f"{verb}s" if found.count == 1 else verb


def _examples(found: Found) -> str:
    more = found.count - len(found.examples)
    return ", ".join(found.examples) + (f" and {more:,} more." if more else ".")
