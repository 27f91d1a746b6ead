"""Whole messages: handed in by somebody else and mailed as they came, or looked at.

parts.py and fields.py find what is in the octets. original.py mails them, with line_ends.py and mailable.py
(what is refused, in all that judged_parts.py finds), and downgrade.py for servers that take seven bits;
flask_message.py brings in Flask-Mail's. letter.py reads any message for people, abridged.py a large one in
little memory. What stands in their header fields is judged by the room `header`.
"""
