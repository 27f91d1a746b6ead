"""Patterns: what the document says that a string may hold, as regular expressions."""

from __future__ import annotations

import re

NO_NUL = r"^[^\u0000]*$"
SOME_WORD = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
_UNSEEN = (
    r"\u007f-\u009f\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2028-\u202e\u2060-\u206f\u3164"
    r"\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
"""Some of it is taken where it is honest: see content/text/characters.py."""
_NOT_IN_A_LINE = rf"\u0000-\u001f{_UNSEEN}"
LINES = rf"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f{_UNSEEN}]*$"
ONE_LINE = rf"^[^{_NOT_IN_A_LINE}]*$"
SOME_LINE = rf"^[^{_NOT_IN_A_LINE}]*[^\s{_NOT_IN_A_LINE}][^{_NOT_IN_A_LINE}]*$"
LOCAL = r"[A-Za-z0-9_+'-]{1,30}(\.[A-Za-z0-9_+'-]{1,30})?"
DOMAIN = r"([A-Za-z0-9]{1,20}(-[A-Za-z0-9]{1,20}){0,2}\.)+[A-Za-z]{2,24}"
NAMED = (
    rf'^("[^"\\{_NOT_IN_A_LINE}]*"|[^"<>@,;{_NOT_IN_A_LINE}]+)'
    rf" <{LOCAL}@{DOMAIN}>$"
)
_LETTERS = (
    "\u00a0-\u115e\u1161-\u180d\u180f-\u1fff\u2070-\u3163\u3165-\ud7ff"
    "\uf900-\ufdcf\ufdf0-\ufefe\uff00-\uff9f\uffa1-\uffef"
)
TAG_NAMES = f"^[A-Za-z_{_LETTERS}][A-Za-z0-9_{_LETTERS}]{{0,60}}$"
TAG_NAME = re.compile(TAG_NAMES).fullmatch
MEDIA_TYPE = r"^[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,60}(; ?[a-z]{1,20}=[A-Za-z0-9._-]{1,40})?$"
CONTENT_ID = "^[!-;=?-~]{1,200}$"
BASE64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
