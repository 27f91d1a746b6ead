"""Who gets a mailing: the face of parsed.py, pasted.py and csv_file.py."""

from __future__ import annotations

from mailroom.content.csv_file import parse_csv
from mailroom.content.parsed import Parsed, Problem, Recipient, merge
from mailroom.content.pasted import parse_pasted

__all__ = ["Parsed", "Problem", "Recipient", "merge", "parse_csv", "parse_pasted"]
