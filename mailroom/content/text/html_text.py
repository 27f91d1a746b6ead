"""A text made of HTML, to stand beside an HTML body that came alone. Merge tags stay as they are."""

from __future__ import annotations

import re
import secrets
from html.parser import HTMLParser

import nh3

MOST_MARKS = 20_000
"""Of elements and entities in an HTML that a text is made of: parsers look through what is open again and
again."""

MOST_TAGS_IN_HTML = 50_000
"""Of merge tags in it, as everywhere."""

MOST_HTML = 1 << 20
"""Characters."""

_FORMATTING = re.compile(
    r"<(/?)(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE
)
AS_PLAIN = "x-"
"""Before the name of a formatting element that is one no more."""

_TAGS = re.compile(r"(\{\{[^{}]{0,1000}\}\})|(\{%[^{}]{0,1000}%\})")
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "figure", "footer", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre"),
        *("section", "table", "tbody", "tfoot", "thead", "tr", "ul"),
    )
)
_PARAGRAPHS = frozenset(("blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"))
_INLINE = frozenset(("a", "br", "img", "span", "td", "th"))
_UNSEEN = {"script", "style", "title", "template", "noscript"}
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_GAPS = re.compile(r"\n{3,}")


def without_formatting(html: str) -> str:
    """Formatting elements as elements that mean nothing to a parser, such as x-b.

    Of formatting that is left open HTML makes a copy in every paragraph that follows: a thousand of them
    and a thousand paragraphs are a million elements.
    """
    return _FORMATTING.sub(rf"<\1{AS_PLAIN}\2", html)


def text_of_html(html: str) -> str:
    """Its words, with the addresses of links; "" for more HTML than a letter has."""
    marks = html.count("<") + html.count("&") + html.count("{%")  # these become comments
    if len(html) > MOST_HTML or marks > MOST_MARKS or html.count("{{") > MOST_TAGS_IN_HTML:
        return ""
    kept: list[str] = []
    token = f"tag{secrets.token_hex(8)}n"

    def keep(found: re.Match[str]) -> str:
        kept.append(found[0])
        hidden = f"{token}{len(kept) - 1}n"
        # A comment may stand in a table, between its rows, and a text may not.
        return f"<!--{hidden}-->" if found[2] and not _is_within_tag(html, found.start()) else hidden

    reader = _Reader(token)
    # Cleaned first, it is well formed: nothing is left for the parser below to look for in vain.
    reader.feed(
        nh3.clean(
            without_formatting(_TAGS.sub(keep, html)),
            tags=set(_BLOCKS | _INLINE),
            attributes={"a": {"href"}, "img": {"alt"}},
            clean_content_tags=_UNSEEN,
            strip_comments=False,
            link_rel=None,
        )
    )
    reader.close()
    return re.sub(rf"{token}(\d+)n", lambda place: kept[int(place[1])], reader.text())


def _is_within_tag(html: str, at: int) -> bool:
    """Whether this place is between < and >, as in an attribute's value."""
    near = html[max(0, at - 2_000) : at]
    return near.rfind("<") > near.rfind(">")


class _Reader(HTMLParser):
    def __init__(self, token: str) -> None:
        """`token`: comments that begin so are tags, and are kept."""
        super().__init__(convert_charrefs=True)
        self._token = token
        self._parts: list[str] = []
        self._links: list[tuple[str, int]] = []

    def text(self) -> str:
        lines = (line.strip(" ") for line in "".join(self._parts).split("\n"))
        return _GAPS.sub("\n\n", "\n".join(lines)).strip("\n") + "\n"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self._links.append((given.get("href") or "", len(self._parts)))
        elif tag == "img":
            self._parts.append(given.get("alt") or "")
        elif tag in ("td", "th"):
            self._parts.append(" ")
        elif tag == "hr":
            self._parts.append("\n\n---\n\n")
        else:
            self._break(tag)
        if tag == "li":
            self._parts.append("- ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._links:
            href, begun = self._links.pop()
            words = "".join(self._parts[begun:]).strip()
            if href and href not in (words, f"mailto:{words}") and not href.startswith("#"):
                self._parts.append(f" ({href})" if words else href)
        else:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        self._parts.append(_BLANKS.sub(" ", data))

    def handle_comment(self, data: str) -> None:
        self._parts.append(data if data.startswith(self._token) else "")

    def _break(self, tag: str) -> None:
        if tag == "br":
            self._parts.append("\n")
        elif tag in _PARAGRAPHS:
            self._parts.append("\n\n")
        elif tag in _BLOCKS and self._parts and not self._parts[-1].endswith("\n"):
            self._parts.append("\n")
