"""Request models: they check what programs send, and the OpenAPI document is made of them.

Reading order:
patterns      what the document says that a string may hold
long_lists    lists that are counted before they are looked into
fields        kinds of values: how each is checked, and how the document shows it
given_files   a file, in Base64 or as a list of its bytes
letters       a letter, as emails, mailings, templates and drafts have it
emails        single emails
mailings      mailings to many
templates     stored templates, and what is sent with one
drafts        drafts
lists         kept lists
repeats       repeats
suppressed    the suppression list
examples      a body for each kind of request
"""
