"""Drafts on pages: the compose form, kept as it is written.

kept_form_files.py (files of a draft where the form finds them), written.py (what the browser sent),
opened.py (a form again), saving.py (the one door: saved, noted, or kept beside what somebody else wrote),
differences.py (what changed between two versions).
"""
