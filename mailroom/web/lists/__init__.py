"""Kept lists on pages.

list_form.py (a list's own fields), member_form.py (a recipient's), import_form.py (a file, and what it
changes), conditions_form.py (some of a list).
"""
