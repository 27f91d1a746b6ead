"""HTTP client for URLs that people typed.

Webhooks, attachments by address. Kept from our own network (SSRF).

Read guard (where a URL may lead), then client (aiohttp behind that guard, bounded), answer (what comes
of it) and aside (what would block an event loop). The client takes seven megabytes: web processes, which
hardly ever call anybody, import it when they do.
"""
