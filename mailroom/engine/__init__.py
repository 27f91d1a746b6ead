"""Where ledger, content, wire and queue meet: accept, deliver, sweep."""
