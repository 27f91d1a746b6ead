"""Endpoints: each thing that programs ask for, in a module by its noun."""
