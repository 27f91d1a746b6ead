"""How a mailing goes: progress.py (figures), timeline.py with timescale.py (who sent what when)."""
