"""Webhooks of mail providers: verified, and read as reports. Pure: who fetches a certificate is handed in.

Read post.py (what came by HTTP, and why it is not believed), told.py (what every reader makes of an event),
then any of the providers: ses.py (Amazon SES, through SNS), postmark.py, mailgun.py, sendgrid.py, brevo.py,
resend.py. known.py lists them. A provider's `verify` comes first, always: nothing is read that is not proven.
"""
