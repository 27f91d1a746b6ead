"""The sender's domain in the DNS: SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489).

Asked beside the examination, for two seconds at most. What cannot be learned is no finding: the network may
not be allowed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import dns.exception
import dns.resolver
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

from mailroom.content.private_domains import is_private

DNS_SECONDS = 2.0

RESERVED = ("test", "example", "invalid", "localhost", "local", "internal", "onion", "arpa")
"""Endings that no public DNS knows (RFC 2606, RFC 6761)."""

REMEMBERED_SECONDS = 300.0
MOST_REMEMBERED = 200
"""Domains whose answers are remembered. A name server that was silent is not asked meanwhile, either."""

Asked = Callable[[], list[str]]

_remembered: dict[tuple[str, str | None], tuple[float, list[str]]] = {}


def ask(domain: str, name_server: str | None) -> Asked:
    """Begins to ask; what it gives waits for the answer, and not for longer than was said.

    `name_server`: an address, perhaps with a port; `none`: nobody is asked; None: the system's.
    """
    known = _remembered.get((domain, name_server)) or _remembered.get(("", name_server))
    if known is not None and time.monotonic() < known[0]:
        return lambda: known[1]
    resolver = _resolver(domain, name_server)
    if resolver is None:
        return list
    ends = time.monotonic() + DNS_SECONDS
    questions = (_about_spf, _about_dkim, _about_dmarc)
    asked = [_beside(question, resolver, domain, name_server is not None) for question in questions]

    def remarks() -> list[str]:
        answers = [_result(future, ends) for future in asked]
        found = [sentence for answer in answers for sentence in answer or ()]
        # What is remembered under no name is a silence that holds for all.
        _remember(domain if all(answer is not None for answer in answers) else "", name_server, found)
        return found

    return remarks


def _remember(domain: str, name_server: str | None, found: list[str]) -> None:
    if len(_remembered) >= MOST_REMEMBERED:
        _remembered.clear()
    until = time.monotonic() + REMEMBERED_SECONDS
    _remembered[domain, name_server] = until, found if domain else []


def _resolver(domain: str, name_server: str | None) -> Resolver | None:
    if name_server == "none":
        return None
    if name_server is None and (is_private(domain) or domain.rpartition(".")[2] in RESERVED):
        return None
    try:
        resolver = Resolver(configure=name_server is None)
    except (dns.exception.DNSException, OSError):
        return None
    if name_server is not None:
        host, port = name_server_of(name_server)
        resolver.nameservers, resolver.port = [host], port
    resolver.timeout = resolver.lifetime = DNS_SECONDS
    return resolver


def name_server_of(text: str) -> tuple[str, int]:
    """`192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, int(port.removeprefix(":") or 53)
    host, _, port = text.partition(":") if text.count(":") == 1 else (text, "", "")
    return host, int(port or 53)


def _beside(
    question: Callable[[Resolver, str], list[str]], resolver: Resolver, domain: str, is_trusted: bool
) -> Future[list[str]]:
    future: Future[list[str]] = Future()

    def run() -> None:
        try:
            knows = is_trusted or _knows_the_internet(resolver, domain)
            future.set_result(question(resolver, domain) if knows else [])
        except dns.exception.Timeout as silence:
            future.set_exception(silence)
        except Exception:  # the network is not there, or says what nobody understands
            future.set_result([])

    threading.Thread(target=run, name="dns", daemon=True).start()
    return future


def _knows_the_internet(resolver: Resolver, domain: str) -> bool:
    """Whether it can tell who serves a top-level domain. Where the network is closed, some say of every name
    that it does not exist.
    """
    return bool(resolver.resolve(f"{domain.rpartition('.')[2]}.", "NS", search=False))


def _result(future: Future[list[str]], ends: float) -> list[str] | None:
    """None: nobody answered in time."""
    try:
        return future.result(max(0.0, ends - time.monotonic()))
    except (TimeoutError, dns.exception.Timeout):
        return None


def _texts(resolver: Resolver, name: str) -> Sequence[str]:
    """TXT records. Raises NXDOMAIN, and others of dnspython's where nobody knows."""
    try:
        answer = resolver.resolve(name, "TXT", search=False)
    except NoAnswer:
        return ()
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def _about_spf(resolver: Resolver, domain: str) -> list[str]:
    try:
        texts = _texts(resolver, domain)
    except NXDOMAIN:
        return [
            f"The domain {domain} is not in the DNS: nobody can answer, and many servers refuse such mail."
        ]
    policies = [text.lower() for text in texts if text.lower().split(" ")[0] == "v=spf1"]
    if not policies:
        return [
            f"{domain} has no SPF record (TXT, v=spf1 ...): name there the servers that may send its mail."
        ]
    if len(policies) > 1:
        return [f"{domain} has {len(policies)} SPF records, so none of them counts: make it one."]
    words = policies[0].split()
    if "+all" in words or "all" in words:
        return [f"The SPF record of {domain} lets everybody send its mail (+all): end it with -all or ~all."]
    if words == ["v=spf1", "-all"]:
        return [f"The SPF record of {domain} says that nobody sends its mail (only -all)."]
    return []


def _about_dkim(resolver: Resolver, domain: str) -> list[str]:
    """Whether there can be any key: what stands above none does not exist (RFC 8020)."""
    try:
        _texts(resolver, f"_domainkey.{domain}")
    except NXDOMAIN:
        if _exists(resolver, domain):
            return [
                f"{domain} has no DKIM key in the DNS: have your relay sign its mail, and publish the key."
            ]
    return []


def _about_dmarc(resolver: Resolver, domain: str) -> list[str]:
    labels = domain.split(".")
    for above in (domain, ".".join(labels[-3:]), ".".join(labels[-2:])):
        try:
            found = [
                text for text in _texts(resolver, f"_dmarc.{above}") if text.lower().startswith("v=dmarc1")
            ]
        except NXDOMAIN:
            continue
        if found:
            return []
    if not _exists(resolver, domain):
        return []
    return [
        f"{domain} has no DMARC record (TXT of _dmarc.{domain}): large providers want one of whoever sends "
        "to many. Begin with v=DMARC1; p=none."
    ]


def _exists(resolver: Resolver, domain: str) -> bool:
    try:
        _texts(resolver, domain)
    except NXDOMAIN:
        return False
    return True
