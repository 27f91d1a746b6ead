"""The send loop.

A worker hands a batch to a relay's SMTP sessions, and the ledger learns what became of it.

In this order: `relay` (a mail server, with its `session_pool`, `rate_limiter` and `circuit_breaker`),
`messages` (what mailings send, compiled once each) and `sendable` (rendered for each delivery), `feed` (a
batch's deliveries on their way to sessions), `group` (marks and outcomes that are written together),
`recorder` (which of them, and when: group commit), `lane` (one session's share) and `lanes` (as many as a
batch calls for), `verdict` (what a try that failed means), `batch_sender`, which runs the lanes, `in_hand`
(what is suspect if its worker dies), `growth` (more for them while they run), and `parking` (the sessions
that a job leaves behind). Above it stands deliver.py, the job.
"""
