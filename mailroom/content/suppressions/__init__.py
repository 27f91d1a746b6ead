"""Suppressions, as pure values: a list of them as CSV, and the words that each may have."""
