"""The truth about mailings, deliveries and batches. Knows no Flask, no RQ and no SMTP."""
