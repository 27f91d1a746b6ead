"""People and programs: who may come in.

users.py, sign_ins.py (their browsers), api_keys.py (their programs), tokens.py (secrets).
"""
