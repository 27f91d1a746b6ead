"""Kept lists, as pure values.

newcomers.py (whom an import brings), stated_consent.py (what it says of their consent), conditions.py (a
filter over columns), list_values.py (what a member's values may be).
"""
