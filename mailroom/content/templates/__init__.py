"""Stored templates, as pure text.

template_letter.py (what a template says, and what is wrong with it), filling.py (with values).
"""
