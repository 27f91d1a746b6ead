"""CSS inlining: the rules of style elements, written into the elements that they are about.

Some mail programs know no style elements. Those that do keep what cannot be inlined, as media queries.
"""

from __future__ import annotations

import re

from mailroom.content.writing.converter import ConverterBusy, NotConverted, converted
from mailroom.content.writing.hidden_tags import HiddenTags
from mailroom.content.writing.mjml_source import VOID

DEEPEST_HTML = 250
"""Elements within elements."""

_STYLE = re.compile(r"<style[^<>]*+>([^<]*+)", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*+)[^<>]*+>")


def inlined(html: str, *, keep_style: bool = False, is_filled: bool = True) -> str:
    """As it is where there is no rule, and where merge tags stand in the way or it is too much. Nothing is
    loaded: a stylesheet that is elsewhere is left there. `keep_style`: the rules stay where they were, too.
    Raises ConverterBusy.
    """
    if "<style" not in html.lower() or _is_too_deep(html):
        return html
    tags = HiddenTags(html, is_filled=is_filled)
    try:
        made = converted("inline", tags.commented_html(), keep_style=keep_style)["html"]
    except ConverterBusy:
        raise  # or what is mailed would hang on how much others have to do
    except NotConverted:
        return html
    # A rule that is about nothing is gone, with the values in it.
    styles = "".join(_STYLE.findall(tags.source))
    if tags.lost(made, styles):
        return html
    try:
        return tags.put_back(made)
    except NotConverted:
        return html


def _is_too_deep(html: str) -> bool:
    depth = deepest = 0
    for tag in _TAG.finditer(html):
        if tag[2].lower() not in VOID:
            depth = max(0, depth - 1) if tag[1] else depth + 1
            deepest = max(deepest, depth)
    return deepest > DEEPEST_HTML
