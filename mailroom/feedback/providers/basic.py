"""Providers that sign nothing: they show a password that Mailroom made, as HTTP Basic or as a bearer token.

Whoever knows it can say anything about mail whose Message-ID they know: it is for the provider only.
"""

from __future__ import annotations

from mailroom.feedback.providers.post import Fetch, Post, PostRefused, from_base64, is_same

BASIC_USER = "mailroom"


def verify(post: Post, key: str, now: float, fetch: Fetch) -> str:
    """Raises PostRefused."""
    del now, fetch  # what is not signed has no time, either
    scheme, _, shown = post.header("Authorization").partition(" ")
    if scheme.lower() == "basic":
        shown = from_base64(shown.strip(), "Authorization").decode("utf-8", "replace").partition(":")[2]
    elif scheme.lower() != "bearer":
        raise PostRefused("Its Authorization is neither Basic nor a bearer token.")
    if not is_same(shown.strip(), key):
        raise PostRefused("Its password is not the one of this URL.")
    return ""
