"""Files of a form as they come: in memory and, from some size on, in temporary files."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from flask import Request

from mailroom.files import temporary_room

FORM_FILE_IN_MEMORY = 500 * 1024


class FormFile(SpooledTemporaryFile[bytes]):
    """One of them. To write it raises NoTemporaryRoom; nothing is left to be written when it is read."""

    def write(self, octets: Any) -> int:
        with temporary_room():
            written = super().write(octets)
            self.flush()
        return written


class FormRequest(Request):
    """Flask's, with such files."""

    def _get_file_stream(self, *_: object, **__: object) -> IO[bytes]:
        return cast(IO[bytes], FormFile(FORM_FILE_IN_MEMORY))
