"""Merge tags.

tags.py (plain names, and which way a text goes), liquid.py (the rest) with budget.py, filters.py and
source.py, which bound its work.
"""
