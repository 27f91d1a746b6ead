"""Enclosures: words by which a letter says that a file comes along, in the languages of most mail."""

from __future__ import annotations

import re

from mailroom.content.preflight.links import MOST_LOOKED_AT

_WORDS = (
    r"attach(?:ed|ments?|ing)|enclosed",
    r"(?:im|in der|siehe) an(?:hang|lage)|angeh(?:ä|ae)ngt\w*|beigef(?:ü|ue)gt\w*|anbei|beiliegend\w*",
    r"ci-joint\w*|pi(?:è|e)ces? jointes?|en annexe",
    r"adjunt(?:o|a|os|as|amos)|archivos? adjuntos?",
    r"allegat[oiae]|in allegato",
    r"em anexo|anex(?:o|os|ado|ados|ada|amos)",
    r"bijlagen?|bijgevoegd\w*",
    r"za(?:ł|l)(?:ą|a)cz(?:nik\w*|eniu|am|amy|ony|one)",
    r"bifoga(?:t|d|r|de)|bilagor?|vedh(?:æ|ae)ft\w*|vedlagt\w*|vedlegg\w*",
    r"liitteen(?:ä|a)|ohessa|liitetiedosto\w*",
    r"p(?:ř|r)(?:í|i)loh\w*|mell(?:é|e)kelt\w*|csatolt\w*|ata(?:ș|s)at\w*",
    r"во вложени\w*|вложени[еия]|прикреп\w*|у вкладенн\w*|додат(?:ку|ок)",
    r"ekteki|ekte|ekli dosya\w*|συνημμέν\w*|επισυνάπτ\w*",
)
_NAMED = re.compile(
    rf"(?<!\w)(?:{'|'.join(_WORDS)})(?!\w)|添付|附件|附上|첨부|المرفق|مرفق|מצורף|संलग्न", re.IGNORECASE
)

_ELEMENTS = re.compile(r"<[^<>]*+>|&[a-z]{2,8};")
_TAGS = re.compile(r"\{\{[^{}]*+\}\}|\{%[^{}]*+%\}")
_QUOTED = re.compile(r"^>.*$", re.MULTILINE)


def named_in(*texts: str) -> str:
    """The word that says so; "" when none does. Quoted lines are somebody else's."""
    for text in texts:
        seen = _QUOTED.sub("", _TAGS.sub("", text[:MOST_LOOKED_AT]))
        if found := _NAMED.search(seen):
            return found[0]
    return ""


def seen_text(html: str) -> str:
    """What people read of it, roughly."""
    return _ELEMENTS.sub(" ", html[:MOST_LOOKED_AT])
