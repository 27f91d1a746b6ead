"""Benchmarks: how fast Mailroom is, beside whom. `make bench`, or `make bench S2` for one goal."""
