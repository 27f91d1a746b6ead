"""Files of a draft, where the compose form finds them: what was swept away there is in the ledger."""

from __future__ import annotations

from pathlib import Path

from mailroom.database.blobs import WRITTEN_AT_ONCE
from mailroom.database.engine import Database
from mailroom.ledger.drafts import contents_of_drafts, stored
from mailroom.web.compose.uploads import Upload, Uploads


class DraftUploads(Uploads):
    """The kept files of one user, those of this draft among them. `draft`: its uid, or nothing."""

    def __init__(self, home: Path, owner: int | str, database: Database, draft: str) -> None:
        super().__init__(home, owner)
        self._database = database
        self._draft = draft

    def find(self, token: str) -> Upload | None:
        return super().find(token) or self._brought_back(token)

    def _brought_back(self, token: str) -> Upload | None:
        if not self._draft:
            return None
        with self._database.read() as connection:
            draft = stored.find(connection, self._draft)
            for file in draft.form.files if draft else ():
                if draft and file.token == token:
                    data = contents_of_drafts.slices(connection, draft.id, file.digest, WRITTEN_AT_ONCE)
                    return self.keep(file.filename, file.content_type, data, token)
        return None
