"""Usual course: mail after mail on a session with PIPELINING, without a turn of its coroutine for each.

While a server takes what it gets, and says so together with the go-ahead for the next, there is nothing to
decide, and what arrives is dealt with as it arrives. Whatever is not as usual is left to the session, as it
stands then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mailroom.smtp.envelope import Envelope, Source
from mailroom.smtp.reply import Reply
from mailroom.smtp.transaction import Dialogue


class UsualCourse:
    """Of one run of a session. `envelope` is the one whose outcome comes next. What follows it is announced,
    by `commands` that leave together with its content.
    """

    envelope: Envelope
    following: Envelope | None
    commands: bytes
    is_marked: bool
    has_left: bool

    def __init__(
        self,
        dialogue: Dialogue,
        source: Source,
        next_ahead: Callable[[], tuple[Envelope | None, bytes]],
        accepted: Callable[[Envelope, Reply], None],
    ) -> None:
        self._dialogue = dialogue
        self._source = source
        self._next_ahead = next_ahead
        self._accepted = accepted
        self._mark: asyncio.Future[bool] | None = None
        self._end: asyncio.Future[None] | None = None

    async def go(self, envelope: Envelope) -> None:
        """Hands over this envelope, which is marked, and those that follow, as long as all is as usual.

        In the end `envelope` may be sent or not (`is_marked`). If it may, the server has it (`has_left`) and
        what it says is to be read, or it is still to be handed over; with `following`.
        """
        self.envelope, self.is_marked = envelope, True
        if not self._hand_over():
            return
        self._end = asyncio.get_running_loop().create_future()
        try:
            self._dialogue.attend(self._end, self._heard)
            await self._end
        finally:
            self._dialogue.attend(None)
            if self._mark is not None:
                self._mark.cancel()

    def _hand_over(self) -> bool:
        self.following, self.commands = self._next_ahead()
        self.has_left = self._dialogue.hands_over_at_once(self.envelope, self.commands)
        return self.has_left

    def _heard(self) -> bool:
        """Takes what has come. False: it is the session's."""
        if self.following is None or (reply := self._dialogue.took_and_goes_on()) is None:
            return False
        self._dialogue.attend(None)
        self._accepted(self.envelope, reply)
        self.envelope, self.following, self.commands = self.following, None, b""
        self.is_marked = self.has_left = False
        mark = self._source.mark(self.envelope)
        self._mark = mark if isinstance(mark, asyncio.Future) else asyncio.ensure_future(mark)
        self._mark.add_done_callback(self._marked)
        return True

    def _marked(self, mark: asyncio.Future[bool]) -> None:
        self._mark = None
        assert self._end is not None
        if self._end.done():
            return
        try:
            self.is_marked = mark.result()
            if self.is_marked and self._hand_over():
                return self._dialogue.attend(self._end, self._heard)
        except BaseException as error:
            return self._end.set_exception(error)
        self._end.set_result(None)
