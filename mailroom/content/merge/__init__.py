"""Merge tags.

names.py (what a tag is called), braces.py (how else it is written), plain.py (names only), liquid.py (the
rest) over render.py (what one mail's knows and makes) and quick.py (what it runs through), with budget.py,
meters.py, filters.py and source.py, which bound its work, local_filters.py (numbers and dates of a language),
conditions.py, which reads values as they are meant, and nodes.py, which finds all of a template; watched.py,
which says what came out empty; tags.py, which tells which of the two ways a text goes.
"""
