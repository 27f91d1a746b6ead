"""Clipboards of Word, Outlook and other office programs, as Markdown: the words, without the formatting
of every word.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import nh3

from mailroom.content.text.html_text import AS_PLAIN, MOST_HTML, MOST_MARKS, without_formatting

_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_BLOCKS = {"p", "div", "li", "blockquote", "pre", "ul", "ol", "table", "tr", *_HEADINGS}
_FORMATTING = {f"{AS_PLAIN}{name}" for name in ("b", "strong", "i", "em", "s")}
_INLINE = {"a", "br", "hr", "span", "td", "th", *_FORMATTING}
_UNSEEN = {"script", "style", "title", "head", "xml"}
_TAGS = re.compile(r"(\{\{[^{}]{0,1000}\}\}|\{%[^{}]{0,1000}%\})")
_SIGNS = re.compile(r"[\\*_\[\]<`~]")
_LIKE_A_BLOCK = re.compile(r"^(\d{0,9})([#.)>+-]#{0,5}\s)")
_BLANKS = re.compile(r"[\s\xa0]+")
_LEVEL = re.compile(r"mso-list:[^;]{0,100}?level(\d)")
_BOLD = re.compile(r"(?<![\w-])font-weight:\s*(bold|[6-9]00)")
_NOT_BOLD = re.compile(r"(?<![\w-])font-weight:\s*(normal|[1-5]00)")
_HREF = re.compile(r"(?:https?|mailto|tel):[^\s<>]+", re.IGNORECASE).fullmatch
DEEPEST_LIST = 9
"""Lists within lists that are told apart: each is written further to the right."""

_NUMBER = re.compile(r"[(]?(\d{1,4}|[a-zA-Z]{1,4})[.)]").fullmatch


def markdown_of_pasted(html: str) -> str:
    """ "" for more than a letter has, which is pasted as words alone then."""
    if len(html) > MOST_HTML or html.count("<") + html.count("&") > MOST_MARKS:
        return ""
    reader = _Reader()
    # Cleaned first, it is well formed, and without comments and what only Office reads.
    reader.feed(
        nh3.clean(
            without_formatting(_fragment(html)),
            tags=_BLOCKS | _INLINE,
            attributes={
                "a": {"href"},
                **{name: {"style"} for name in ("p", "span", *_FORMATTING)},
            },
            clean_content_tags=_UNSEEN,
            link_rel=None,
        )
    )
    reader.close()
    return reader.markdown()


def _fragment(html: str) -> str:
    """What was chosen, without the page around it."""
    begun, ended = html.find("<!--StartFragment-->"), html.rfind("<!--EndFragment-->")
    return html[begun + 20 : ended] if 0 <= begun < ended else html


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._blocks: list[tuple[str, str]] = []  # kind, words
        self._words: list[str] = []
        self._marks: list[tuple[str, str, int]] = []  # of elements that are open: sign, address, place
        self._lists: list[str] = []
        self._prefix = ""
        self._sign: list[str] | None = None  # Word's own bullet, while it is read
        self._ignored = 0
        self._row: list[str] | None = None

    def markdown(self) -> str:
        self._end_block()
        parts: list[str] = []
        before = ""
        for kind, words in self._blocks:
            parts.append(("\n" if kind == before and kind in ("item", "row") else "\n\n") + words)
            before = kind
        text = "".join(parts).strip("\n")
        return f"{text}\n" if text else ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        style = given.get("style") or ""
        if tag in _BLOCKS:
            self._begin_block(tag, style)
        elif tag in ("td", "th"):
            self._words = []
        elif tag == "br":
            self._words.append("\n")
        elif tag == "hr":
            self._end_block()
            self._blocks.append(("rule", "---"))
        elif "mso-list:ignore" in style.lower().replace(" ", ""):
            self._sign, self._ignored = [], 1
        elif self._ignored:
            self._ignored += 1
        else:
            sign = _sign_of(tag.removeprefix(AS_PLAIN), style)
            self._marks.append((sign, given.get("href") or "", len(self._words)))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            if self._row is not None:
                self._row.append(_BLANKS.sub(" ", "".join(self._words)).strip().replace("|", "\\|"))
            self._words = []
        elif tag == "tr":
            self._end_row()
        elif tag in ("ul", "ol"):
            self._end_block()
            if self._lists:
                self._lists.pop()
        elif tag in _BLOCKS:
            if self._row is None:
                self._end_block()
        elif tag not in ("br", "hr"):
            self._end_inline()

    def handle_data(self, data: str) -> None:
        if self._ignored and self._sign is not None:
            self._sign.append(data)
        else:
            self._words.append(_escaped(_BLANKS.sub(" ", data)))

    def _begin_block(self, tag: str, style: str) -> None:
        if tag == "tr":
            self._end_block()
            self._row = []
            return
        if self._row is not None:  # paragraphs within a cell
            self._words.append(" ")
            return
        self._end_block()
        if tag in ("ul", "ol"):
            self._lists.append(tag)
        elif tag == "li":
            sign = "1. " if self._lists[-1:] == ["ol"] else "- "
            self._prefix = "   " * min(max(0, len(self._lists) - 1), DEEPEST_LIST) + sign
        elif tag in _HEADINGS:
            self._prefix = "#" * int(tag[1:]) + " "
        elif tag == "blockquote":
            self._prefix = "> "
        elif level := _LEVEL.search(style):
            self._prefix = "   " * (int(level[1]) - 1) + "- "

    def _end_inline(self) -> None:
        if self._ignored:
            self._ignored -= 1
            if not self._ignored and self._sign is not None:
                if _NUMBER("".join(self._sign).strip(" \xa0·")):
                    self._prefix = re.sub(r"- $", "1. ", self._prefix)
                self._sign = None
            return
        if not self._marks:
            return
        sign, href, at = self._marks.pop()
        inner = "".join(self._words[at:])
        words = inner.strip()
        if not words or not (sign or _HREF(href)):
            return
        lead, tail = inner[: len(inner) - len(inner.lstrip())], inner[len(inner.rstrip()) :]
        marked = f"[{words}]({href})" if _HREF(href) else f"{sign}{words}{sign}"
        self._words[at:] = [lead, marked, tail]

    def _end_block(self) -> None:
        lines = (line.strip() for line in "".join(self._words).split("\n"))
        text = "\n".join(lines).strip()
        self._words, self._marks = [], []
        if text:
            prefix = self._prefix
            kind = "item" if prefix.strip() in ("-", "1.") else "text"
            text = text if prefix else _LIKE_A_BLOCK.sub(r"\1\\\2", text)
            inner = " " * len(prefix) if kind == "item" else ("> " if prefix == "> " else "")
            self._blocks.append((kind, prefix + text.replace("\n", f"\n{inner}")))
        self._prefix = self._prefix if not text and self._lists else ""

    def _end_row(self) -> None:
        cells, self._row, self._words = self._row or [], None, []
        if any(cells):
            is_first = not self._blocks or self._blocks[-1][0] != "row"
            self._blocks.append(("row", f"| {' | '.join(cells)} |"))
            if is_first:
                self._blocks.append(("row", "|" + " --- |" * len(cells)))


def _sign_of(tag: str, style: str) -> str:
    style = style.lower()
    if tag in ("b", "strong") and not _NOT_BOLD.search(style):
        return "**"
    if tag in ("i", "em") or (tag == "span" and "font-style:italic" in style.replace(" ", "")):
        return "*"
    return "**" if tag == "span" and _BOLD.search(style) else "~~" if tag == "s" else ""


def _escaped(text: str) -> str:
    """A text in which no sign means anything; merge tags stay."""
    parts = _TAGS.split(text)
    return "".join(part if at % 2 else _SIGNS.sub(r"\\\g<0>", part) for at, part in enumerate(parts))
