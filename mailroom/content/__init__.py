"""Content: what is mailed, to whom and when, as pure text. No database, no queue, no network.

content.py (what an author gives), addresses.py (whom to), check.py (what is wrong with it). Rooms, in the
order of a mail: `recipients` (lists of people), `suppressions` (who gets nothing), `writing` (how a letter
is written), `merge` (merge tags and Liquid), `templates` (letters that are kept), `preflight` (what is odd
about a letter), `schedule` (times), `links` (what a mail is answered by), `message` (laid out once per
mailing). `whole` and `header` are for messages that somebody else made, `text` for what strangers typed.
"""
