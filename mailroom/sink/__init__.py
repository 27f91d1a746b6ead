"""A mail server that does as it is told: for tests, drills, benchmarks and people.

It takes mail, delivers none, and records every message at its final dot.
`python -m mailroom.sink --help` says how to script it. In code: ThreadedSink runs
beside a test in its process, SinkProcess in one of its own.
"""

from mailroom.sink.options import Options
from mailroom.sink.process import SinkProcess
from mailroom.sink.record import RecordedMessage
from mailroom.sink.rules import Rule, RuleError, parse_rule
from mailroom.sink.threaded import ThreadedSink

__all__ = ["Options", "RecordedMessage", "Rule", "RuleError", "SinkProcess", "ThreadedSink", "parse_rule"]
