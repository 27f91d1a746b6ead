"""Preflight of a letter: what is odd about a message before anybody gets it.

kinds.py (what is found), tally.py (for whom), links.py, enclosures.py and letter.py (what is the same for
everybody), empties.py, personal_links.py and examiner.py (every recipient's message, built).
"""
