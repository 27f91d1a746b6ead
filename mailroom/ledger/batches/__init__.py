"""Batches: some hundred deliveries that one worker holds under a lease.

batches.py (claimed, renewed, closed or given back), waiting_deliveries.py (what of one is to be sent),
gather.py (what is due becomes batches), growth.py (one that is being sent takes more), join.py (a burst of
single mails shares one), park.py (closed but for what waits for a silent server), turns.py (which of them
one job had).
"""
