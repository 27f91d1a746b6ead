"""Unseen characters in a header: what nobody sees there, or what turns round what stands beside it."""

from __future__ import annotations

import re

from mailroom.content.addresses import INVISIBLE
from mailroom.content.header.words import decoded
from mailroom.content.text.characters import misplaced

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_AT_THE_ENDS = re.compile(rf'(?:\A|(?<="))[{INVISIBLE}]++|[{INVISIBLE}]++(?="|\Z)')


def misplaced_in_header(text: str) -> str:
    """As `misplaced`, of what the encoded-words in `text` say.

    Controls are carried as they came: encoded they break nothing, and old programs send Windows' quotes as
    Latin-1. So is what comes along from files and web pages at the ends of words, where it hides nothing.
    """
    return misplaced(_AT_THE_ENDS.sub("", _CONTROLS.sub("", decoded(text))))
