"""Submissions of programs: from a checked body to what the engine accepts.

Reading order:
submissions     an email or a mailing
written         its letter, in whichever format it came
templated       those that name a stored template
made_texts      how much all of that may be
listed          recipients that come as a file
to_list         recipients of a list that is kept
list_lines      recipients for such a list
draft_fields    a draft, as the compose form has it
times           scheduled_at
remote_files    attachments by address
"""
