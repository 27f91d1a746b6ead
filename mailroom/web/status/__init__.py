"""Status: how the system stands.

checks.py and health.py (probes), metrics.py (Prometheus), servers.py (the relays' table), banners.py
(what every page says), blockers.py (why a mailing waits).
"""
