"""Feedback: what comes back becomes a fact of its delivery.

taking.py (the one door for every way in), matching.py (which delivery a report is about), following.py
(what follows from it), rules.py (when an address is suppressed, and a mailing paused). provider_posts.py is
the way in of mail providers' webhooks, with sns_calls.py beside it. The judge of whose
fault a refusal is, for what comes back and for what the relay refuses at once: smtp/address_fault.py.
"""
