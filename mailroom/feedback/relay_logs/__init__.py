"""Relay logs: what a mail server's own record says that it took, passed on, put off and gave up.

In this order: trace.py (what a reader makes of a line), lines.py (files of any size, line by line), clock.py
and syslog.py (whose line, from when), open_mails.py (mails that are under way in it), then a reader for each
kind of record: postfix.py, exim.py, opensmtpd.py, table.py (CSV). relay_log.py reads files with one of them.
"""
