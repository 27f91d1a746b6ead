"""WSGI middleware: the client's address, the scheme and the host, as a trusted proxy tells them.

From anybody else these headers say nothing, and after this nobody sees them. X-Forwarded-Port and
-Prefix, X-Real-IP and Forwarded (RFC 7239) say nothing from anybody: most proxies hand on what their
client wrote there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mailroom.proxies import Proxies

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

FOR, SCHEME, HOST = (f"HTTP_X_FORWARDED_{name}" for name in ("FOR", "PROTO", "HOST"))
OF_PROXIES = ("HTTP_X_FORWARDED", "HTTP_FORWARDED", "HTTP_X_REAL_IP")
HOST_NAME = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")


class Forwarded:
    """Around an application: what it reads of REMOTE_ADDR, scheme and host is true."""

    def __init__(self, application: WSGIApplication, proxies: Proxies) -> None:
        self._application, self._proxies = application, proxies

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        told = {name: str(environ.pop(name)) for name in [n for n in environ if n.startswith(OF_PROXIES)]}
        peer = str(environ.get("REMOTE_ADDR") or "")
        environ["REMOTE_ADDR"] = self._proxies.client(peer, told.get(FOR, ""))
        if told and self._proxies.believes(peer):
            scheme, host = _last(told.get(SCHEME, "")).lower(), _last(told.get(HOST, ""))
            if scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
            if HOST_NAME.fullmatch(host):
                environ["HTTP_HOST"] = host
        return self._application(environ, start_response)


def _last(values: str) -> str:
    """What the proxy beside us said itself, when it added that to what it was told."""
    return values.rpartition(",")[2].strip()
