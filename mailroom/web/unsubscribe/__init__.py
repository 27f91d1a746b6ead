"""The unsubscribe page: open to everybody who has a link, and to nobody else.

page.py (what a link shows and does), ring.py (which links are ours), words.py (four languages), sheet.py (its
look, in one answer with it), own_host.py (a host name that serves nothing else).
"""
