"""HTTP client for URLs that people typed.

Webhooks, attachments by address. Kept from our own network (SSRF).

Read guard (where a URL may lead), then client (aiohttp behind that guard, bounded), then aside (what
would block an event loop).
"""
