"""Running a check: a small one at once, a large one in a thread that the request does not wait for."""

from __future__ import annotations

import logging
import threading

from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.preflight.crew import PreflightBusy, is_quick
from mailroom.engine.preflight.plan import PreflightPlan
from mailroom.engine.preflight.preflight import preflight
from mailroom.web import Mailroom
from mailroom.web.api.answers import shown
from mailroom.web.checking.kept_check import CheckStatus, KeptCheck

BEHIND_OTHERS = 300.0
"""Seconds that a page's check waits for those before it: nobody's request waits with it."""

log = logging.getLogger(__name__)


def run(check: KeptCheck, plan: PreflightPlan, known: Mailroom) -> None:
    """Returns at once when there is much to do."""
    status = check.begin(plan)
    if is_quick(plan.content, plan.recipients):
        _run(check, status, plan, known)
        return
    act = threading.Thread(target=_run, args=(check, status, plan, known), name="check", daemon=True)
    act.start()


def _run(check: KeptCheck, status: CheckStatus, plan: PreflightPlan, known: Mailroom) -> None:
    def tell(built: int) -> None:
        status.built = built
        check.tell(status)

    try:
        report = preflight(known.database, known.settings, plan, tell, BEHIND_OTHERS)
    except PreflightBusy:
        status.trouble = "Others are checking large mailings just now. Try again in a minute."
    except LEDGER_AWAY:
        status.trouble = "The ledger cannot be read just now. Try again soon."
    except Exception:
        log.exception("a check failed")
        status.trouble = "Something broke while it was checked, and the fault is ours."
    else:
        status.report, status.refuses = shown.preflight(report), report.refuses
    check.tell(status)
