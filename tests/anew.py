"""What Mailroom remembers for a whole process, anew for each test: `with remembered():`

What fails is told of for a quarter of a minute, and logged once in a minute; a name server that was silent is
left alone for five. So what one test was told another one, soon after it in the same process, would not be.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mailroom import supervision
from mailroom.content import private_domains
from mailroom.engine.preflight import sender_domain


@contextmanager
def remembered() -> Iterator[None]:
    """Nothing at first, but for the private domains of what was set up for several tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_failed_at", "_logged_at", "_waiting", "_dead"):
            patch.setattr(supervision, name, type(getattr(supervision, name))())
        patch.setattr(sender_domain, "_remembered", {})
        for name in ("_names", "_endings"):
            patch.setattr(private_domains, name, getattr(private_domains, name))
        yield
