"""Progress of a mailing: progress.py (figures), timeline.py with timescale.py (who sent what when)."""
