"""Response models: the OpenAPI document is made of them, and endpoints fill them.

Reading order:
mails             emails, mailings, preflight and suppressions; shown.py fills them
templates         stored templates; template_shown.py fills them
lists, drafts     kept lists and drafts
repeats           repeats
results           a mailing's report; results_shown.py fills it
"""
