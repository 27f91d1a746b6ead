"""Content: what is mailed, to whom and when, as pure text. No database, no queue, no network.

content.py (what an author gives), check.py (what is wrong with it), compiled.py (laid out once per mailing,
over body.py, mime.py, headers.py, custom_headers.py, encoding.py; stencil.py fills most of them). Rooms:
`recipients` (lists of people), `merge` (merge tags and Liquid), `templates` (letters that are kept),
`preflight` (what is odd about a letter), `header` (fields that others wrote), `schedule` (times).
original.py, with fields.py, parts.py, line_ends.py, mailable.py (what is refused) and downgrade.py, is for
whole messages that were handed in; letter.py reads any message for people, abridged.py a large one in little
memory. json_text.py reads JSON that strangers wrote, typed_numbers.py numbers that anybody typed.
"""
