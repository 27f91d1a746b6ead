"""Engine: ledger, content, wire and queue meet here.

In this order: `accept` (a submission becomes rows, and jobs by `enqueue`), `deliver` (the job, over the room
`send`), `sweeper` (what is due, and what was lost), `probing` (a server in trouble), `repeats` (submissions
that are mailed by a rule), `webhooks`, and `worker_process`, in which all but the first live. `letterhead`
says what mails carry in From and Message-ID, `letter` all that they say.
"""
