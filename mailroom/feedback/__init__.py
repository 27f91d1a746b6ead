"""Feedback: what is said of a mail after the relay's 250. Pure: it reads octets, and knows no ledger.

report.py (what every way in makes of what it reads). For mail that came back: reading.py (the one door), over
received.py (a message's parts, within bounds), delivery_status.py (RFC 3464), complaint.py (RFC 5965),
wordings.py (what follows no standard) with its phrases.py, automatic.py (replies that nobody wrote),
recipients.py (addresses as reports write them) and quoted.py (what is quoted of the mail that it is about).
Rooms: `providers` (signed webhooks of mail providers), `relay_logs` (what a relay's own record says).
"""
