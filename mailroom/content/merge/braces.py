"""Three braces: `{{{ KEY }}}`, as other mailers write a tag, is the same tag as `{{ KEY }}`."""

from __future__ import annotations

import re

_THREE = re.compile(r"\{\{\{([^{}\r\n]{1,200})\}\}\}")
_RAW = re.compile(r"\{%-?\s{0,64}raw\b")
_END_OF_RAW = re.compile(r"\{%-?\s{0,64}endraw\s{0,64}-?%\}")


def two_braces(source: str) -> str:
    """`source` with two braces at each tag; what stands between raw and endraw stays as it is."""
    if "{{{" not in source:
        return source
    parts, at = [], 0
    for begun in _RAW.finditer(source):
        if begun.start() < at:
            continue
        ended = _END_OF_RAW.search(source, begun.end())
        if ended is None:
            break
        parts += [_two(source[at : begun.start()]), source[begun.start() : ended.end()]]
        at = ended.end()
    return "".join([*parts, _two(source[at:])])


def _two(text: str) -> str:
    return _THREE.sub(r"{{\1}}", text)
