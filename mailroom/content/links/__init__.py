"""Links and addresses by which a mail is answered, sealed so that nobody else can make them.

link_tokens.py and return_tokens.py seal; unsubscribe.py is what each delivery carries of them; signature.py
signs webhooks.
"""
