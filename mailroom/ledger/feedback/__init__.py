"""Feedback in the ledger: the facts of deliveries after the relay's 250, and the reports that matched none."""
