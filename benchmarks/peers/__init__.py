"""Those beside whom Mailroom is measured, each in the way that its own documentation shows."""
