"""BackupFailed: str() is one sentence: what is wrong, and what to do."""


class BackupFailed(Exception):
    """Nothing was changed, unless the sentence says otherwise."""
