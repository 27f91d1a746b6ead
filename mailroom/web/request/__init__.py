"""Every request passes here.

forwarded.py (proxies), gate.py (who may come in), security.py (headers, form tokens), signing.py (signed
cookies and tokens), origin.py (cross-site requests), old_form.py (what an old page sent), ids.py (numbers in
addresses), searched.py (what is looked for), senders.py (who may send a large body), negotiation.py and
errors.py (answers).
"""
