"""Mailroom: accept mail in milliseconds, deliver it in the background, lose none of it."""

__version__ = "1.0.0.dev0"
"""Of this release, by PEP 440; the one place where it stands. `.dev0`: of what CHANGELOG calls Unreleased."""
