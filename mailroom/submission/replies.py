"""Enhanced status codes (RFC 2034, RFC 3463) of replies that have none yet, as most of aiosmtpd's own."""

from __future__ import annotations

import re

USUAL = {
    "252": "2.5.0",
    "454": "4.7.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "530": "5.7.0",
    "552": "5.3.4",
    "553": "5.1.3",
    "554": "5.7.0",
    "555": "5.5.4",
}
"""Of aiosmtpd's replies, what the code means there."""

_IS_ENHANCED = re.compile(r"([245])[0-9]{2} \1\.[0-9]{1,3}\.[0-9]{1,3} ").match


def enhanced(reply: str) -> str:
    """`reply` with an enhanced status code, as every one has whose class is 2, 4 or 5."""
    code, text = reply[:3], reply[4:]
    if code[:1] not in ("2", "4", "5") or _IS_ENHANCED(reply):
        return reply
    return f"{code} {USUAL.get(code, f'{code[0]}.0.0')} {text}"
