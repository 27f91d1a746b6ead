"""A program of its own that converts letters: Markdown, MJML, CSS.

Standard input: for each letter its length (8 octets) and itself, as JSON; standard output: the same with what
came of it. Whatever is in a letter, it harms this process at most: memory and time are bounded, no further
file or connection can be opened, and it knows nothing of whoever began it.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Its arguments: octets of memory, seconds of one letter, seconds without one until it ends."""
    memory, seconds, idle = map(int, sys.argv[1:])
    sys.path.append(str(Path(__file__).resolve().parents[3]))
    convert = prepared()
    bound(memory)
    while select.select([0], [], [], idle)[0]:
        head = read(8)
        if not head:
            return
        asked = json.loads(read(int.from_bytes(head)))
        # Of the processor's time; whoever needs more is ended by the signal.
        signal.setitimer(signal.ITIMER_PROF, seconds)
        told = json.dumps(convert(**asked)).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        write(len(told).to_bytes(8) + told)


def bound(memory: int) -> None:
    # Standard input, output and error: what is asked for beyond them is refused.
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_NOFILE, 3),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))


def read(size: int) -> bytes:
    """So many octets; fewer at the end."""
    parts = []
    while size and (part := os.read(0, min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write(data: bytes) -> None:
    at = memoryview(data)
    while at:
        at = at[os.write(1, at) :]


def prepared() -> Any:
    """Everything is loaded before files are out of reach."""
    import css_inline
    import mjml
    from markdown_it import MarkdownIt

    from mailroom.content.writing.markdown_text import text_of_markdown

    # A line break is one: who writes a letter presses the key for it.
    markdown = MarkdownIt("commonmark", {"html": True, "breaks": True}).enable(["table", "strikethrough"])
    inliners = {
        keep: css_inline.CSSInliner(
            load_remote_stylesheets=False, keep_link_tags=True, keep_style_tags=keep, keep_at_rules=True
        )
        for keep in (False, True)
    }

    def convert(kind: str, source: str, keep_style: bool = False) -> dict[str, str]:
        if kind == "markdown":
            html = markdown.render(source)
            return {"html": html, "text": text_of_markdown(markdown.parse(source))}
        if kind == "inline":
            return {"html": inliners[keep_style].inline(source)}
        try:
            # Without the fonts of a company that would be told who opens the letter.
            return {"html": mjml.mjml2html(source, fonts={})}
        except ValueError as trouble:
            return {"problem": str(trouble)}

    for kind, source in (("markdown", "*a*\n\n|a|\n|-|\n|b|"), ("inline", "<style>p{top:0}</style><p>a")):
        convert(kind, source)
    convert("mjml", "<mjml><mj-body></mj-body></mjml>")
    return convert


if __name__ == "__main__":
    main()
