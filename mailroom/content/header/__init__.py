"""Header fields of a message that somebody else made: read, judged, made fit for seven bits.

Nothing here is handed to the email package: it reads leniently, writes differently from what
it read, and takes quadratic time over long fields. In this order:

    words       encoded-words (RFC 2047) and charsets
    mailboxes   address fields: tokens and mailboxes
    parameters  Content-Type and its kin
    seven_bit   a field in ASCII, its words where they were
    once        what a message has once at most, put together
    disguise    what in an author's field may be taken for another author
    authors     in whose name a message speaks
"""
