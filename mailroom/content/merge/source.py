"""Reading Liquid's source: bounds on what the library is given to cut into tokens and to parse.

Its patterns look ahead, some of them as far as the end of the text and again from each
place, so what would make them do that often is refused first, by patterns that do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from liquid.exceptions import LiquidSyntaxError
from liquid.token import TOKEN_EXPRESSION, Token

SOURCE = 1 << 20
TOKENS = 6_000
CODE = 32 << 10
"""Characters of a text, its tags and the texts between them, characters within its tags."""

BLANKS = 64
LOOKS_AHEAD = 4_000_000
"""Characters that are read again for brackets: a range is looked for behind each."""

OPEN_ENDED = 20

_BLANKS = re.compile(rf"\s{{{BLANKS}}}")
_BLANK_START = re.compile(rf"\{{[{{%]-?{_BLANKS.pattern}|\{{%-?\s*(?:#|\w+){_BLANKS.pattern}")
_OPENED = re.compile(r"\{(?:\{|%(?:-?\s*(raw|doc)\s*-?%\})?)")
_WORDS_END = {name: re.compile(rf"\{{%-?\s*end{name}\s*-?%\}}") for name in ("raw", "doc")}
_ENDS = [(re.compile(rf"\{{%-?\s*{name}\b"), end) for name, end in _WORDS_END.items()]


def judge_source(source: str) -> None:
    """Raises LiquidSyntaxError for a text that would take long to be cut into tokens."""
    if len(source) > SOURCE:
        raise _refused(f"a text with more than plain merge tags can have {SOURCE >> 20} MB at most")
    if _BLANK_START.search(source):
        raise _refused(f"a tag has {BLANKS} blanks or more in a row")
    _refuse_unended(source)
    for begin, end in _ENDS:
        ended_at = 0
        for ended in end.finditer(source):
            ended_at = ended.end()
        if len(list(islice(begin.finditer(source, ended_at), OPEN_ENDED))) == OPEN_ENDED:
            raise _refused("too many tags are opened and not closed")


def _refuse_unended(source: str) -> None:
    """Raises LiquidSyntaxError for a tag that is opened and never closed, as the library does: but not after
    it tried every way in which its letters could be a name and an expression.
    """
    at, unended = 0, set[str]()
    while begun := _OPENED.search(source, at):
        name = begun[1]
        if name and name not in unended:
            if ended := _WORDS_END[name].search(source, begun.end()):
                at = ended.end()
                continue
            unended.add(name)
        end = source.find("}}" if begun[0] == "{{" else "%}", begun.start() + 2)
        if end < 0:
            line = source.count("\n", 0, begun.start()) + 1
            raise _refused(f"a tag is opened and not closed (line {line:,})")
        at = end + 2


def counted(tokens: Iterator[Token]) -> Iterator[Token]:
    """The tokens, as long as they are not too many. Raises LiquidSyntaxError."""
    code = ahead = 0
    for number, token in enumerate(tokens):
        if token.kind == TOKEN_EXPRESSION:
            value = token.value
            code += len(value)
            ahead += len(value) * (value.count("(") + value.count("["))
            if _BLANKS.search(value):
                raise _refused(f"a tag has {BLANKS} blanks or more in a row")
        if number >= TOKENS or code > CODE or ahead > LOOKS_AHEAD:
            raise _refused("there are more tags, or longer ones, than one text can have")
        yield token


def _refused(words: str) -> LiquidSyntaxError:
    return LiquidSyntaxError(words, token=None)
