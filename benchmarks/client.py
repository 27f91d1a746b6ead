"""An HTTP client on one kept connection: cheap, so that the server is what is measured."""

from __future__ import annotations

import http.client

from mailroom.local.ports import LOOPBACK_HOST


class Client:
    """For one thread. `cookie`: what the server has set, ready to be sent back."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(LOOPBACK_HOST, port, timeout=120)
        self.cookie = ""

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
        return self._ask("POST", path, body, headers)

    def answers(self, path: str) -> bool:
        try:
            return self.get(path)[0] == 200
        except OSError:
            return False
        finally:
            self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        cookies = response.headers.get_all("Set-Cookie") or []
        self.cookie = "; ".join(cookie.partition(";")[0] for cookie in cookies) or self.cookie
        return response.status, response.read()
