"""Merge tags.

names.py (what a tag is called), braces.py (how else it is written), plain.py (names only), liquid.py (the
rest) with budget.py, filters.py and source.py, which bound its work, local_filters.py (numbers and dates of a
language), and conditions.py, which reads values as
they are meant; tags.py, which tells which of the two ways a text goes.
"""
