"""Writing on pages.

written_form.py (the fields of a letter in one of the formats), preview.py (the letter as it is typed).
"""
