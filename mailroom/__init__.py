"""Mailroom: accept mail in milliseconds, deliver it in the background, lose none of it."""
