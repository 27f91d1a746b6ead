"""Layout of a letter in Markdown: the letterhead around it, with a colour, a logo and a footer of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from markupsafe import escape

from mailroom.content.templates.letterhead import LETTERHEAD
from mailroom.content.templates.own_texts import OwnTexts, said_with
from mailroom.content.templates.slots import filled_slots

LETTERHEAD_LAYOUT, PLAIN_LAYOUT = "letterhead", "plain"
LAYOUTS = (LETTERHEAD_LAYOUT, PLAIN_LAYOUT)

USUAL_COLOUR = "#2b5d8a"
LONGEST_FOOTER, LONGEST_LOGO = 2_000, 1_000

COLOUR = "^#([0-9a-fA-F]{3}){1,2}$"
LOGO = r"^(https://[!#-&(-;=?-z|~]+|(cid:)?[!#-&(-.0-9;=?-\[\]-z|~]+)$"
_COLOUR, _LOGO = re.compile(COLOUR).fullmatch, re.compile(LOGO).fullmatch
_COMPANY = re.compile(r"\{\{-? COMPANY -?\}\}")


@dataclass(frozen=True, slots=True)
class Layout:
    """`logo`: the address of a picture, as `cid:logo.png`. `footer`: Markdown. `name`: whose letter it is."""

    kind: str = LETTERHEAD_LAYOUT
    colour: str = ""
    logo: str = ""
    footer: str = ""
    name: str = ""

    def problem(self) -> str:
        """What is wrong with it, in a sentence; "" for nothing."""
        if self.kind not in LAYOUTS:
            return f"Choose one of these layouts: {', '.join(LAYOUTS)}."
        if self.colour and not _COLOUR(self.colour):
            return "Write the colour like #2b5d8a."
        if self.logo and (len(self.logo) > LONGEST_LOGO or not _LOGO(self.logo)):
            return (
                "The logo is the name of a picture that comes along, or an address that begins with https://."
            )
        if len(self.footer) > LONGEST_FOOTER:
            return f"The footer has more than {LONGEST_FOOTER:,} characters."
        return ""


def in_layout(letter: OwnTexts, footer: OwnTexts, layout: Layout) -> OwnTexts:
    """A letter, and the layout's footer, both made of Markdown, as the whole mail. Raises MergeError."""
    if layout.kind == PLAIN_LAYOUT:
        return OwnTexts(
            text=_below(letter.text, footer.text, "\n-- \n"), html=_below(letter.html, footer.html, "")
        )
    own = OwnTexts(
        text=_with_block((letter.text or "").strip("\n"), "footer", footer.text),
        html=_with_block(_with_block(letter.html, "footer", footer.html), "logo", _logo(layout)),
    )
    said = said_with(replace(LETTERHEAD, html=_branded(LETTERHEAD.html, layout), text=_text(layout)), own)
    return OwnTexts(text=f"{said.text.rstrip().removesuffix('--').rstrip()}\n", html=said.html)


def _below(letter: str | None, footer: str | None, between: str) -> str:
    return f"{letter or ''}{between}{footer}" if footer else letter or ""


def _with_block(letter: str | None, slot: str, block: str | None) -> str:
    """A slot that the letter fills itself has what the letter says."""
    if not block or slot in filled_slots(letter or ""):
        return letter or ""
    return f"{{% slot {slot} %}}{block.strip()}{{% endslot %}}{letter or ''}"


def _logo(layout: Layout) -> str:
    if not layout.logo:
        return ""
    source, name = escape(layout.logo), escape(_unbraced(layout.name))
    style = "display: block; max-width: 240px; max-height: 80px; margin: 16px 0 0; border: 0;"
    return f'<img src="{source}" alt="{name}" style="{style}">'


def _branded(html: str, layout: Layout) -> str:
    html = _COMPANY.sub(lambda _: str(escape(_unbraced(layout.name))), html)
    return html.replace("{{ COLOUR }}", layout.colour or USUAL_COLOUR)


def _text(layout: Layout) -> str:
    return _COMPANY.sub(lambda _: _unbraced(layout.name), LETTERHEAD.text)


def _unbraced(name: str) -> str:
    return re.sub(r"[{}]", "", name)
