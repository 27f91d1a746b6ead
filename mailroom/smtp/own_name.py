"""Our own name in EHLO: asked of the resolver once, when a process starts, and never in an event loop."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv6Address, ip_address
from threading import Thread

LOOK_UP_SECONDS = 2.0
"""A resolver that is slower gives no name, and holds up no start."""

FULL_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+", re.I
)
NOBODY_S = re.compile(r"(.*\.)?(localhost|localdomain|arpa|invalid|local)(\..*)?|localhost.*", re.I)
"""Names that say nothing of this machine, or nothing outside its own network."""


def own_full_name() -> str | None:
    """This machine's full name, if it knows one."""
    return next(filter(is_full, (socket.gethostname(), looked_up_name())), None)


def is_full(name: str) -> bool:
    """Whether a server that asks for a fully qualified name would take this one."""
    is_address = name.rpartition(".")[2].isdigit()
    return not is_address and bool(FULL_NAME.fullmatch(name)) and not NOBODY_S.fullmatch(name)


def address_literal(address: str) -> str:
    """`[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321, 4.1.3): what stands for a name that is not known."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return f"[IPv6:{parsed}]" if isinstance(parsed, IPv6Address) else f"[{parsed}]"


def looked_up_name() -> str:
    """What the resolver calls this machine; nothing where it does not answer in time."""
    found: list[str] = []
    asking = Thread(target=lambda: found.append(socket.getfqdn()), daemon=True)
    asking.start()
    asking.join(LOOK_UP_SECONDS)
    return found[0] if found else ""
