"""Text that strangers wrote: read within bounds, and made harmless.

characters.py (what has no place in a line), references.py and html_text.py (HTML), formulas.py
(spreadsheets), typed_numbers.py; json_text.py reads JSON, spooled_texts.py keeps its long texts in a file.
"""
