"""Repeats: a submission that is kept, and mailed again at each tick of a rule.

kept_submission.py (it as octets, and back), planning.py (made, changed, moved by people), ticking.py (what
is due becomes mailings), repeat_clock.py (the thread that sees to it).
"""
