"""SSRF guard: a URL that a person typed leads to the public internet, or to what was allowed by name.

Otherwise a form would be a way into the network behind Mailroom. The name is resolved
once, what it resolved to is judged, and the connection goes to that very address.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

NOT_PUBLIC_V4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a provider's customers
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # inside of Azure, its host: public only by its number
        "169.254.0.0/16",  # link-local, where clouds tell a machine its secrets
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112: answers for names of private networks
        "192.52.193.0/24",  # AMT: a tunnel for multicast
        "192.88.99.0/24",  # the former anycast of 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast
    )
]
"""IANA's registry of special-purpose addresses, all of it: what is reachable there is no web server.

Written down, for Python's `is_global` is another with every release.
"""

PUBLIC_V6 = IPv6Network("2000::/3")
"""All that was ever given to anybody. Loopback, mapped, local and multicast addresses are outside of it."""

NOT_PUBLIC_V6 = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them: it holds an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: it holds an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]
NAT64 = IPv6Network("64:ff9b::/96")
ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
"""What an interface's id begins with before an IPv4 address that it is tunnelled to (RFC 5214)."""

NUMBER = re.compile("[0-9]+|0x[0-9a-f]*")
"""As the last part of a host: it makes of the whole an IPv4 address, however that is written (WHATWG)."""

LONGEST_URL = 2_000


class Forbidden(Exception):
    """A URL that may not be called; `str()` is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `path` holds the query as well."""

    scheme: str
    host: str  # lower case; an IPv6 address without its brackets
    port: int
    path: str

    @property
    def is_https(self) -> bool:
        return self.scheme == "https"


def is_public(address: str) -> bool:
    """Whether it is an address of the public internet: not private, local, shared, multicast, embedded."""
    if "%" in address:  # a zone: it is reached by one interface only
        return False
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in NOT_PUBLIC_V4)
    if ip in NAT64:  # how an IPv6-only host reaches IPv4
        return is_public(_embedded(ip))
    if ip.packed[8:12] in ISATAP and not is_public(_embedded(ip)):
        return False
    return ip in PUBLIC_V6 and not any(ip in network for network in NOT_PUBLIC_V6)


def _embedded(ip: IPv6Address) -> str:
    return str(IPv4Address(ip.packed[12:]))


class Guard:
    """`allowed`: names and addresses of private hosts that may be called too, and by plain http."""

    def __init__(self, allowed: tuple[str, ...] = ()) -> None:
        self._allowed = {host.lower() for host in allowed}

    def target(self, url: str) -> Target:
        """The URL, if it may be called as far as can be seen without asking anybody. Raises Forbidden."""
        if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise Forbidden("The address must be a plain URL, like https://example.org/hooks.")
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            raise Forbidden("The address is not a URL.") from None
        if parts.scheme not in ("http", "https") or not host:
            raise Forbidden("The address must begin with https:// and name a host.")
        if parts.username is not None or parts.password is not None:
            raise Forbidden("The address must not hold a name or password.")
        if parts.scheme == "http" and host not in self._allowed:
            raise Forbidden("The address must begin with https://.")
        if host not in self._allowed and _is_private_literal(host):
            raise Forbidden(_private(host))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)

    def addresses(self, target: Target) -> list[str]:
        """Where the host is, asked once; only what may be called. Raises Forbidden, or OSError."""
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except UnicodeError:  # a label that is empty or longer than 63
            raise Forbidden("The address names no host that can exist.") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        permitted = [address for address in addresses if self.permits(target, address)]
        if not permitted:
            raise Forbidden(_private(target.host))
        return permitted

    def permits(self, target: Target, address: str) -> bool:
        """Whether a connection for this target may go to this very address."""
        return target.host in self._allowed or is_public(address)


def _is_private_literal(host: str) -> bool:
    """Whether it is an address in figures that is not public. Old spellings, like 2130706433, never are."""
    try:
        return not is_public(host)
    except ValueError:
        return NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def _private(host: str) -> str:
    return f"{host} is not on the public internet. If it may be called, name it in MAILROOM_WEBHOOK_HOSTS."
