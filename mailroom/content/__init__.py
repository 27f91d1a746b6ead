"""What is mailed and to whom, as pure text: no database, no queue, no network."""
