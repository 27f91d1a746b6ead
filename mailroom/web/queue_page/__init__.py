"""/queue/: dashboard.py (rq-dashboard, made safe), script_prints.py (escaping in its scripts),
outcomes.py (what the ledger says of its jobs).
"""
