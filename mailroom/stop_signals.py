"""Signals that ask a program of ours to end in order: SIGTERM, Ctrl-C, and a terminal that hangs up."""

from __future__ import annotations

import signal


def stop_signals() -> set[signal.Signals]:
    """SIGHUP is left alone where whoever started us had it ignored, as `nohup` does: then we are to go on."""
    asked = {signal.SIGINT, signal.SIGTERM}
    is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return asked if is_ignored else {*asked, signal.SIGHUP}
