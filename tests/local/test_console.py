"""What a local run prints."""

from __future__ import annotations

import io

from mailroom.local.console import LONGEST_PRINTED_LINE, Console, Lines


def console(stream: io.StringIO, *, colours: bool = False) -> Console:
    return Console(stream, colours=colours, on_gone=lambda: None)


def test_pieces_become_whole_lines() -> None:
    stream = io.StringIO()
    lines = Lines(console(stream), "web")
    for piece in (b"on", b"e\ntwo\r\nth", b"ree\n", b"f\xc3", b"\xbcnf"):
        lines.feed(piece)
    lines.end()
    assert stream.getvalue() == "".join(f"web      | {line}\n" for line in ("one", "two", "three", "fünf"))


def test_a_line_without_end_is_cut() -> None:
    stream = io.StringIO()
    Lines(console(stream), "web").feed(b"x" * (LONGEST_PRINTED_LINE + 1))
    assert len(stream.getvalue()) > LONGEST_PRINTED_LINE


def test_processes_have_colours_at_a_terminal_only() -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    for name in ("web", "worker"):
        console(plain).line(name, "hello")
    both = console(coloured, colours=True)
    for name in ("web", "worker", "web"):
        both.line(name, "hello")
    assert "\x1b" not in plain.getvalue()
    first, second, third = coloured.getvalue().splitlines()
    assert first == third == "\x1b[36mweb      |\x1b[0m hello"
    assert second.startswith("\x1b[33m")


def test_it_says_once_that_nobody_listens_any_more() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    gone: list[int] = []
    closed = Console(Closed(), colours=False, on_gone=lambda: gone.append(1))
    closed.say("one")
    closed.say("two")
    assert gone == [1]
