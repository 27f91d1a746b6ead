"""Merge tags.

plain.py (names only), liquid.py (the rest) with budget.py, filters.py and source.py, which bound its work;
tags.py, which tells which of the two ways a text goes.
"""
