"""Deliveries: one recipient of one mailing each.

marks.py is the promise (the mark before a final dot, the 2xx after it), refused_marks.py why one was
refused, tries.py what else can come of a try, actions.py what a person or the sweeper does with one or
many, bulk_actions.py what goes on by itself when there are too many for one transaction. deliveries.py and
timeline.py read them for pages, outcomes.py those to write to next, search.py finds them by address or
name, attention.py those that need a person, throughput.py how many were sent in each minute, results.py
what became of a mailing's, counted for its report.
"""
