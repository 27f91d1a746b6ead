"""Lists of people.

parsed.py (what reading one gives), pasted.py, csv_file.py with columns.py and csv_encoding.py.
"""
