"""Who gets a mailing: the face of parsed.py, pasted.py and csv_file.py."""

from __future__ import annotations

from mailroom.content.csv_file import parse_csv
from mailroom.content.parsed import MOST_COLUMNS, Parsed, Problem, Problems, Recipient, merge
from mailroom.content.pasted import parse_pasted

__all__ = ["MOST_COLUMNS", "Parsed", "Problem", "Problems", "Recipient", "merge", "parse_csv", "parse_pasted"]
