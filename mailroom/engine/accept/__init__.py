"""Acceptance: from a submission to rows on disk, then onto the queue.

In this order: `submission` (what is submitted, what is answered, why something is refused), `handed_in` (a
submission of a whole message), `thresholds` (every number, with its reason), `acceptance` (one mailing) and
`several` (many, one answer), `write` (one way in two sizes), `rows` (what is written),
`canary_size` (how many go first), `waits` (for what a forecast waits), `keys` (idempotency), `kept_drafts`
(what was kept until then), `early_jobs` (which do not wait for the commit), `aftermath` (what follows it),
`warm_up`.
"""
