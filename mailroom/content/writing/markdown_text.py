"""The text of a letter in Markdown: as one would write it without signs, for those who read text only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from mailroom.content.text.html_text import text_of_html

_MARKS = re.compile(r"(?:\s*+<!--tag[0-9a-f]{12}n\d+c-->)++\s*+").fullmatch
"""Tags of Liquid that have lines for themselves."""

_WORD = re.compile(r"tag[0-9a-f]{12}n\d+n")
TEXT_RULE = "-" * 20
LONGEST_UNDERLINE = 60


def text_of_markdown(tokens: Sequence[Token]) -> str:
    return _blocks(SyntaxTreeNode(tokens).children).strip("\n") + "\n"


def _blocks(nodes: Iterable[SyntaxTreeNode], gap: str = "\n\n") -> str:
    """One below the other. What has no line of its own stands directly before what follows."""
    parts: list[str] = []
    for node in nodes:
        if node.type == "html_block" and _MARKS(node.content):
            parts.append("".join(node.content.split()))
        elif text := _block(node):
            parts.append(text + gap)
    text = "".join(parts)
    return text.removesuffix(gap)


def _block(node: SyntaxTreeNode) -> str:
    match node.type:
        case "heading":
            return _heading(node)
        case "bullet_list" | "ordered_list":
            return _list(node)
        case "blockquote":
            return _before_lines(_blocks(node.children), "> ", "> ")
        case "fence" | "code_block":
            return _before_lines(node.content.rstrip("\n"), "    ", "    ")
        case "hr":
            return TEXT_RULE
        case "table":
            return "\n".join(_row(row) for part in node.children for row in part.children)
        case "html_block":
            return text_of_html(node.content).strip()
        case _:
            return _inline(node.children).strip()


def _heading(node: SyntaxTreeNode) -> str:
    text = _inline(node.children).strip()
    if node.tag not in ("h1", "h2") or "\n" in text:
        return text
    width = len(_WORD.sub("x" * 8, text))
    return f"{text}\n{('=' if node.tag == 'h1' else '-') * min(width, LONGEST_UNDERLINE)}"


def _list(node: SyntaxTreeNode) -> str:
    start = int(node.attrs.get("start", 1))
    is_tight = all(
        child.hidden for item in node.children for child in item.children if child.type == "paragraph"
    )
    gap = "\n" if is_tight else "\n\n"
    items = []
    for number, item in enumerate(node.children, start):
        sign = "- " if node.type == "bullet_list" else f"{number}. "
        items.append(_before_lines(_blocks(item.children, gap), sign, " " * len(sign)))
    return gap.join(items)


def _row(row: SyntaxTreeNode) -> str:
    return " | ".join(_inline(cell.children).replace("\n", " ").strip() for cell in row.children)


def _before_lines(text: str, first: str, others: str) -> str:
    lines = text.split("\n")
    return "\n".join([first + lines[0], *((others + line).rstrip() for line in lines[1:])])


def _inline(nodes: Iterable[SyntaxTreeNode]) -> str:
    return "".join(map(_word, nodes))


def _word(node: SyntaxTreeNode) -> str:
    match node.type:
        case "softbreak" | "hardbreak":
            return "\n"
        case "strong":
            return f"*{_inline(node.children)}*"
        case "link":
            return _link(_inline(node.children).strip(), str(node.attrs.get("href", "")))
        case "html_inline":
            return _of_html(node.content)
        case _:
            return _inline(node.children) if node.children else node.content


def _of_html(element: str) -> str:
    if _MARKS(element):
        return element
    return "\n" if element.lower().startswith("<br") else ""


def _link(words: str, href: str) -> str:
    if not href or href.startswith("#") or href in (words, f"mailto:{words}"):
        return words
    return f"{words} ({href})" if words else href
