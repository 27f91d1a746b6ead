"""Trusted proxies: whom we believe when they say for which client they ask (FORWARDED_ALLOW_IPS).

A proxy adds the address of its own client at the end of X-Forwarded-For. What stands before that was said by
that client, and is worth something only when it is a proxy of ours as well. So the list is read from its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

WHOEVER_CONNECTS = "*"
LOOPBACK = ("127.0.0.1", "::1")

MAPPED = IPv6Network("::ffff:0:0/96")
"""IPv4 addresses as a socket for both families shows them."""

FORWARDED_ENTRY = re.compile(
    r"\[(?P<boxed>[0-9A-Fa-f:.]+)\](:\d{1,5})?|(?P<v4>[0-9.]+)(:\d{1,5})?|(?P<v6>[0-9A-Fa-f:.]+)"
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Proxies:
    """The addresses and networks that are believed; `*` believes whoever connects, and nobody before them."""

    def __init__(self, names: Iterable[str]) -> None:
        """Raises ValueError for what is neither an address nor a network."""
        names = list(names)
        self._whoever = WHOEVER_CONNECTS in names
        self._networks = [_network(name) for name in names if name != WHOEVER_CONNECTS]

    def believes(self, peer: str) -> bool:
        """Whether the other end of a connection is a proxy. One without an address came by a Unix socket,
        whose rights say who may."""
        address = _of_a_peer(peer)
        return self._whoever or address is None or self._has(address)

    def client(self, peer: str, forwarded_for: str) -> str:
        """The right-most address that is no proxy: of `peer` and, before it, X-Forwarded-For's."""
        found = _of_a_peer(peer)
        if forwarded_for and self.believes(peer):
            for entry in filter(str.strip, reversed(forwarded_for.split(","))):
                before = _address(entry)
                if before is None:  # "unknown", or nonsense: its neighbour is all that is known
                    break
                found = before
                if not self._has(found):
                    break
        return peer if found is None else str(found)

    def _has(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def source(address: str) -> str:
    """One place that requests come from: of IPv6 the /64, since who has one address there has them all."""
    parsed = _of_a_peer(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, 64), strict=False))
    return address if parsed is None else str(parsed)


@lru_cache(1_024)
def _of_a_peer(peer: str) -> Address | None:
    """Read once: whoever connects is asked about twice in every request, and a proxy connects for all."""
    return _address(peer.partition("%")[0])


def _address(text: str) -> Address | None:
    found = FORWARDED_ENTRY.fullmatch(text.strip())
    if found is None:
        return None
    try:
        address = ip_address(found["boxed"] or found["v4"] or found["v6"])
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _network(name: str) -> Network:
    network = ip_network(name)
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        mapped = network.network_address.ipv4_mapped
        assert mapped is not None
        return IPv4Network((mapped, network.prefixlen - MAPPED.prefixlen))
    return network
