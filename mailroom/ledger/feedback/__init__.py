"""Feedback in the ledger: the facts of deliveries after the 250, and the reports that matched none."""
