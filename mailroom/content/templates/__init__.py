"""Stored templates, as pure text.

template_letter.py (what a template says, and what is wrong with it), slots.py (places that a letter fills),
filling.py (one mail), for_many.py (a mailing).
"""
