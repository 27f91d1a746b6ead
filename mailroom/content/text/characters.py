"""Characters that have no place in one line of words: a name, a subject, a value, a file's name.

Refused is what breaks the line, turns round what stands beside it (Trojan Source, CVE-2021-42574),
or says what nobody sees. What people need to write their language stays:

marks of direction (LRM, RLM, ALM)     Arabic and Hebrew, beside numbers and Latin words
isolates and embeddings                what translating libraries and address books put around a
                                       name; they end with it, so they turn round nothing else
joiner and non-joiner (ZWJ, ZWNJ)      emoji of several people; Persian, Hindi
zero width space                       between words of Khmer, Thai, Lao, Burmese; nowhere else
Mongolian vowel separator              behind a letter of Mongolian; nowhere else
tags                                   within a flag (England, Scotland, Wales); nowhere else
soft hyphen, variation selectors       German compounds; the colour of an emoji, names in Japanese
"""

from __future__ import annotations

import re
import unicodedata

_CONTROLS = r"\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
"""Control characters but the tab, other line ends, halves of characters."""

_OVERRIDES = r"\u202d\u202e"
"""They show letters backwards: nobody's language needs that."""

_UNSEEN = (
    r"\u034f\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point, but for what stays."""

_FILLERS = r"\u115f\u1160\u3164\uffa0"
_NO_CHARACTERS = r"\ufdd0-\ufdef\ufffe\uffff"

_WORD_SPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u1aaf"
"""Scripts without blanks between words."""

_HONEST = re.compile(
    rf"(?<=[{_WORD_SPACED}])\u200b|(?<=[\u1820-\u18aa])\u180e|\U0001f3f4[\U000e0020-\U000e007e]++\U000e007f"
)
_NEVER = re.compile(f"[{_CONTROLS}{_OVERRIDES}{_UNSEEN}{_FILLERS}{_NO_CHARACTERS}]")
suspicious = re.compile(f"[{_CONTROLS}{_UNSEEN}{_FILLERS}{_NO_CHARACTERS}\u202a-\u202e\u2066-\u2069]").search
"""For many texts at once: whether one of them needs a closer look."""

_ENDS = {"\u202a": "\u202c", "\u202b": "\u202c", "\u2066": "\u2069", "\u2067": "\u2069", "\u2068": "\u2069"}
"""What begins a change of direction, and what ends it."""

_NAMES = {"\ufeff": "ZERO WIDTH NO-BREAK SPACE (byte order mark)"}


def misplaced(text: str) -> str:
    """What is wrong with `text` as one line of words, in a sentence's end; "" when nothing is.

    It names the character, for nobody can see it: `holds U+202E RIGHT-TO-LEFT OVERRIDE`.
    """
    if (text.isascii() and text.isprintable()) or not suspicious(text):
        return ""
    if found := _NEVER.search(_HONEST.sub("", text)):
        return f"holds {name_of(found[0])}"
    return _unended(text)


def misplaced_in_lines(text: str) -> str:
    """As `misplaced`, of words that may have several lines."""
    return misplaced(text.replace("\r", "").replace("\n", ""))


def _unended(text: str) -> str:
    """A direction that is not ended within the text, in its order, turns round what follows it."""
    begun: list[str] = []
    for character in text:
        if character in _ENDS:
            begun.append(character)
        elif character in _ENDS.values() and (not begun or _ENDS[begun.pop()] != character):
            return f"holds {name_of(character)} without its beginning"
    return f"holds {name_of(begun[-1])} without its end" if begun else ""


def name_of(character: str) -> str:
    """U+202E RIGHT-TO-LEFT OVERRIDE"""
    code = ord(character)
    known = _NAMES.get(character, unicodedata.name(character, "a control character"))
    if character in "\r\n\u2028\u2029\x85\x0b\x0c":
        known = "a line break"
    elif unicodedata.category(character) == "Cs":
        known = "half of a character"
    return f"U+{code:04X}, {known}" if known[0].islower() else f"U+{code:04X} {known}"


def without_direction(text: str) -> str:
    """For a sentence of ours in which others' words stand: they turn round none of it."""
    return re.sub(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", text)
