"""What is mailed: the face of content.py, check.py, compiled.py and message_ids.py."""

from __future__ import annotations

from mailroom.content.check import check
from mailroom.content.compiled import Compiled, compile_message
from mailroom.content.content import Attachment, Content
from mailroom.content.merge import MergeError
from mailroom.content.message_ids import message_id

__all__ = ["Attachment", "Compiled", "Content", "MergeError", "check", "compile_message", "message_id"]
