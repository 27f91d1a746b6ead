"""Webhooks of mail providers, coming in: the door that is open to them, and the pages where it is opened.

door.py (one POST, without cookie or session), pages.py (/webhooks/providers), provider_form.py (its form),
wiring.py.
"""
