"""What comes after DATA, in whatever pieces: the message alone, and what follows its last dot untouched."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailroom.submission.incoming import IncomingMessage, pieces

OCTETS = st.lists(
    st.sampled_from(["\r\n", ".", "\r", "\n", "a", "\r\n.", "..", "\r\n..", "x" * 40]), max_size=20
)
AFTER = b"QUIT\r\n"


def sent(message: bytes) -> bytes:
    """As a client sends it (RFC 5321, 4.5.2): every line that begins with a dot has one more."""
    lines = message.split(b"\r\n")
    return b"\r\n".join([b"." + line if line.startswith(b".") else line for line in lines])


async def taken(came: bytes, at_once: int, most: int = 10_000) -> tuple[IncomingMessage, bytes]:
    """The message, and what is left for the next command. `at_once`: octets that come together."""
    reader = asyncio.StreamReader(limit=16)
    message = IncomingMessage(most)

    async def come() -> None:
        for start in range(0, len(came), at_once):
            reader.feed_data(came[start : start + at_once])
            await asyncio.sleep(0)
        reader.feed_eof()

    coming = asyncio.ensure_future(come())
    async for piece in pieces(reader):
        message.append(piece)
    await coming
    return message, await reader.read()


@given(OCTETS.map(lambda parts: "".join(parts).encode()), st.integers(1, 50))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_message_is_what_the_client_meant(message: bytes, at_once: int) -> None:
    message = message if message.endswith(b"\r\n") or not message else message + b"\r\n"
    came = sent(message) + b".\r\n" + AFTER
    kept, left = asyncio.run(taken(came, at_once))
    assert (kept.octets(), left) == (message, AFTER)
    assert b"".join(kept.slices(at_once)) == message
    kept.close()


@pytest.mark.parametrize(
    "line", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r\n\0.\r\n"]
)
def test_only_a_dot_between_two_real_line_ends_is_the_last(line: bytes) -> None:
    kept, left = asyncio.run(taken(b"a" + line + b"MAIL FROM:<b>\r\n.\r\n" + AFTER, 7))
    assert kept.octets().endswith(b"MAIL FROM:<b>\r\n") and left == AFTER
    kept.close()


def test_a_large_one_waits_in_a_file_and_one_too_large_is_thrown_away() -> None:
    came = (b"x" * 998 + b"\r\n") * 100 + b".\r\n"
    kept, _ = asyncio.run(taken(came, 50_000, most=200_000))
    assert (kept.memory, kept.disk) == (0, len(came) + 2) and kept.octets() == came[:-3]
    kept.close()
    refused, _ = asyncio.run(taken(came, 50_000, most=50_000))
    assert (refused.memory, refused.disk, refused.refusal[:3]) == (0, 0, "552")


def test_a_disk_that_is_full_is_no_reason_to_take_a_message_for_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    kept, left = asyncio.run(taken(b"x" * 100_000 + b"\r\n.\r\n" + AFTER, 50_000, 200_000))
    assert kept.refusal.startswith("452 4.3.1") and left == AFTER
