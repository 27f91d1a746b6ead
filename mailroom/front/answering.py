"""In a thread: a whole request goes to the application, and its answer to the connection."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Protocol

from gunicorn.http import wsgi
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import InvalidChunkSize, NoMoreData
from werkzeug.exceptions import RequestEntityTooLarge

from mailroom.front.storage import BLOCK, Storage


class ServedApplication(Protocol):
    """gunicorn's worker, as far as a thread that answers knows it."""

    cfg: Any
    settled: Any
    log: Any
    wsgi: Any
    largest_body: Callable[[dict[str, Any]], int]

    def may_keep(self) -> bool: ...

    def handle_error(self, request: Any, client: Any, address: Any, error: Exception) -> None: ...


class WaitingClient(Protocol):
    """The connection that an answer goes to, as far as a thread knows it."""

    loop: asyncio.AbstractEventLoop
    peer: Any
    server: Any

    def send(self, data: bytes) -> bool: ...

    def end_answer(self, data: bytes, keeps: bool) -> None: ...


class CollectedAnswer:
    """What gunicorn writes to as if it were the client's socket: collected, and handed on in large pieces."""

    def __init__(self, connection: WaitingClient) -> None:
        self._connection = connection
        self._parts: list[bytes] = []
        self._size = 0

    def sendall(self, data: bytes) -> None:
        """Raises BrokenPipeError when the client is gone."""
        self._parts.append(data)
        self._size += len(data)
        if self._size >= BLOCK:
            self._hand_on()

    send = sendall

    def gettimeout(self) -> float:
        return 0.0

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts, self._size = [], 0
        return data

    def _hand_on(self) -> None:
        """Waits for the loop to have it, so that memory does not fill; never for the client."""
        done: Future[bool] = Future()
        data = self.take()

        def send() -> None:
            try:
                done.set_result(self._connection.send(data))
            except Exception as error:  # the thread would wait for ever
                done.set_exception(error)

        self._connection.loop.call_soon_threadsafe(send)
        if not done.result():
            raise BrokenPipeError


class TooLarge(io.RawIOBase):
    """In place of a body that was thrown away: to read it is a 413."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise RequestEntityTooLarge


def find_largest(front: ServedApplication, peer: Any, server: Any, request: Any) -> int:
    """How large a body the application lets this client send."""
    _, environ = wsgi.create(request, io.BytesIO(), peer, server, front.settled)
    return front.largest_body(environ)


def answer(
    front: ServedApplication, connection: WaitingClient, request: Any, body: Storage, skipped: int | None
) -> None:
    """Answers a whole request, and tells the connection whether another one may follow.

    `skipped`: the length of a body that was too large to keep.
    """
    sink, joined = CollectedAnswer(connection), Storage()
    keep = False
    try:
        if isinstance(request.body.reader, ChunkedReader):
            _join(request, body, joined, skipped)
        else:
            request.body = body.file()
        if skipped is not None:
            request.body = TooLarge()
        keep = _run(front, connection, request, sink)
    except BrokenPipeError:
        front.log.debug("a client left before the end of its answer")
    except Exception as error:
        front.handle_error(request, sink, connection.peer, error)
    finally:
        body.close()
        joined.close()
        connection.loop.call_soon_threadsafe(connection.end_answer, sink.take(), keep)


def _join(request: Any, body: Storage, joined: Storage, skipped: int | None) -> None:
    """The application gets a file and its length, never chunks. Raises what gunicorn finds wrong in them."""
    length = skipped
    if length is not None:
        request.force_close()  # nobody has judged them, and so nobody knows where the next request begins
    else:
        request.unreader.iter = iter(body.next_block, b"")
        try:
            while block := request.body.read(BLOCK):
                joined.append(block)
        except NoMoreData:
            raise InvalidChunkSize(b"") from None
        if request.unreader.read():  # what was cut off as one request is more than one
            raise InvalidChunkSize(b"")
        length = joined.left
        request.body = joined.file()
    kept = [(name, value) for name, value in request.headers if name != "TRANSFER-ENCODING"]
    request.headers = [*kept, ("CONTENT-LENGTH", str(length))]


def _run(front: ServedApplication, connection: WaitingClient, request: Any, sink: CollectedAnswer) -> bool:
    environ: dict[str, Any] = {}
    response = None
    try:
        front.settled.pre_request(front, request)
        began = datetime.now(UTC)
        response, environ = wsgi.create(request, sink, connection.peer, connection.server, front.settled)
        environ["wsgi.multithread"] = True
        if not front.may_keep():
            response.force_close()
        found = front.wsgi(environ, response.start_response)
        try:
            for item in found:
                response.write(item)
            response.close()
        finally:
            front.log.access(response, request, environ, datetime.now(UTC) - began)
            if hasattr(found, "close"):
                found.close()
        return not response.should_close()
    except BrokenPipeError:
        raise
    except Exception:
        if response is not None and response.headers_sent:
            front.log.exception("a request failed in the middle of its answer")
            return False
        raise
    finally:
        try:
            front.settled.post_request(front, request, environ, response)
        except Exception:
            front.log.exception("Exception in post_request hook")
