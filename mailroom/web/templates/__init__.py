"""Stored templates on pages.

template_form.py (as typed), variable_lines.py (its variables, one a line), examples.py (what a preview is
filled with).
"""
