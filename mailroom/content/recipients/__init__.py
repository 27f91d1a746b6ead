"""Lists of people.

parsed.py (what reading one gives) with spool.py (of many) and first_lines.py (who is there twice);
pasted.py and pasted_cells.py (what is typed), with entries.py; `files` (whatever it came in). All of them
give rows to table.py, which knows by columns.py, headings.py and cells.py what they mean. suggestions.py
and role_addresses.py look at addresses once more.
"""
