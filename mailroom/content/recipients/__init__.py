"""Lists of people.

parsed.py (what reading one gives) with spool.py (of many) and first_lines.py (who is there twice); pasted.py
and pasted_cells.py (what is typed); list_file.py (a file, whatever it is): csv_file.py with csv_encoding.py,
csv_separator.py and line_blocks.py, workbook.py with workbook_reader.py (its process), vcard.py, file_kind.py
(what is none). All of them give rows to table.py, which knows by columns.py, headings.py and cells.py what
they mean. suggestions.py and role_addresses.py look at addresses once more.
"""
