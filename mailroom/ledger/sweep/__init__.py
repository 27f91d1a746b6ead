"""The sweeper's questions to the ledger: leader election, due work, dead workers, clocks that jump.

rounds.py (whose turn it is), due_mailings.py (what is due, over or abandoned), reap.py (what a dead
worker left), uptimes.py (whether the clock was set), clock_jump.py (what follows from that).
"""
