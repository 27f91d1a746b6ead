"""Files that hold a list of people.

list_file.py takes any: csv_file.py with csv_encoding.py, csv_separator.py and line_blocks.py, workbook.py
with workbook_reader.py (its process), vcard.py; file_kind.py names what is none.
"""
