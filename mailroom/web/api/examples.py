"""What to send, once for each kind of request: shown in the docs, tried by the tests."""

from __future__ import annotations

from typing import Any

EMAIL: dict[str, Any] = {
    "from": "Acme <hello@acme.example>",
    "to": ["Ann Lee <ann@example.org>"],
    "subject": "Hello from Mailroom",
    "html": "<p>It works.</p>",
    "text": "It works.",
}

MAILING: dict[str, Any] = {
    "from": "Acme <hello@acme.example>",
    "subject": "News for {{ first_name }}",
    "text": "Dear {{ first_name }}, here is what is new.",
    "recipients": [
        {"address": "ann@example.org", "name": "Ann Lee", "variables": {"first_name": "Ann"}},
        {"address": "bob@example.org", "variables": {"first_name": "Bob"}},
    ],
}

REQUESTS: dict[str, Any] = {
    "send_email": EMAIL,
    "send_batch": [EMAIL, {**EMAIL, "to": "bob@example.org"}],
    "send_mailing": MAILING,
    "update_email": {"scheduled_at": "in 10 minutes"},
}
"""By the name of the operation."""
