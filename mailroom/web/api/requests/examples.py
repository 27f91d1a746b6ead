"""Examples: a body for each kind of request, shown in the docs and tried by the tests."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

EXAMPLE_EMAIL: dict[str, Any] = {
    "from": "Acme <hello@acme.example>",
    "to": ["Ann Lee <ann@example.org>"],
    "subject": "Hello from Mailroom",
    "html": "<p>It works.</p>",
    "text": "It works.",
}

EXAMPLE_MAILING: dict[str, Any] = {
    "from": "Acme <hello@acme.example>",
    "subject": "News for {{ first_name }}",
    "text": "Dear {{ first_name }}, here is what is new.",
    "recipients": [
        {"address": "ann@example.org", "name": "Ann Lee", "variables": {"first_name": "Ann"}},
        {"address": "bob@example.org", "variables": {"first_name": "Bob"}},
    ],
}

EXAMPLE_LISTED = {
    "mailing": {name: value for name, value in EXAMPLE_MAILING.items() if name != "recipients"},
    "recipients": "email,first_name\r\nann@example.org,Ann\r\nbob@example.org,Bob\r\n",
}
EXAMPLE_MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>It works.</mj-text>"
    "</mj-column></mj-section></mj-body></mjml>"
)

EXAMPLE_MESSAGE = b64encode(
    b"From: Acme <hello@acme.example>\r\nTo: ann@example.org\r\nSubject: Hello\r\n\r\nIt works.\r\n"
).decode("ascii")

REQUESTS: dict[str, Any] = {
    "send_email": EXAMPLE_EMAIL,
    "send_raw_email": {
        "from": "hello@acme.example",
        "recipients": ["ann@example.org", "archive@acme.example"],
        "message": EXAMPLE_MESSAGE,
    },
    "send_batch": [EXAMPLE_EMAIL, {**EXAMPLE_EMAIL, "to": "bob@example.org"}],
    "send_mailing": EXAMPLE_MAILING,
    "preflight_mailing": EXAMPLE_MAILING,
    "create_repeat": {**EXAMPLE_MAILING, "rule": "weekly mon,thu 09:00", "zone": "Europe/Berlin"},
    "update_repeat": {"rule": "monthly last 09:00"},
    "add_suppression": {
        "address": "ann@example.org",
        "scope": {"sender": "hello@acme.example"},
        "note": "asked by phone",
    },
    "remove_suppression": {"address": "ann@example.org", "scope": {"sender": "hello@acme.example"}},
    "create_template": {
        "name": "Order confirmed",
        "subject": "Order {{ ORDER }} is confirmed",
        "html": "<p>Thank you, {{ NAME }}.</p>",
        "text": "Thank you, {{ NAME }}.",
        "variables": [{"key": "ORDER"}, {"key": "NAME", "fallback_value": "dear customer"}],
    },
    "update_template": {"subject": "Your order {{ ORDER }}"},
    "render_template": {"variables": {"ORDER": "A-1", "NAME": "Ann"}},
    "create_list": {"name": "Digest"},
    "update_list": {"name": "Weekly digest"},
    "add_list_recipient": {
        "address": "ann@example.org",
        "name": "Ann Lee",
        "variables": {"city": "Berlin"},
        "consent": {"at": "2024-05-01T09:30:00Z", "how": "form", "evidence": "https://acme.example/join"},
    },
    "remove_list_recipients": {"addresses": ["ann@example.org"]},
    "import_list": [
        {"address": "ann@example.org", "variables": {"city": "Berlin"}},
        {"address": "bob@example.org", "variables": {"city": "Rome"}, "consent": {"how": "spoken"}},
    ],
    "make_list_from_list": {
        "name": "Digest in Berlin",
        "list": "4ef9a417-02e9-4d39-ad75-9611e0fcc33c",
        "where": [{"column": "city", "how": "is", "value": "Berlin"}],
    },
    "make_list_from_mailing": {
        "name": "Whom it reached",
        "mailing": "4ef9a417-02e9-4d39-ad75-9611e0fcc33c",
        "outcome": "not_bounced",
    },
    "create_draft": EXAMPLE_MAILING,
    "update_draft": {"subject": "More news for {{ first_name }}", "revision": 1},
    "update_email": {"scheduled_at": "in 10 minutes"},
    "update_mailing": {
        "sending_hours": {"days": ["mon", "fri"], "from": "09:00", "to": "17:00", "zone": "Europe/Berlin"}
    },
}
"""By the name of the operation."""
