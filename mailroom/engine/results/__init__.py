"""Results: what became of a mailing, in figures, for its report.

results.py puts them together; domains.py counts by recipients' domains, reasons.py by what servers said,
course.py by time. What the database counts is asked in ledger/deliveries/results.py.
"""
