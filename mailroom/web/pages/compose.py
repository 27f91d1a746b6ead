"""/: write a mailing, and submit it."""

from __future__ import annotations

import uuid
from dataclasses import replace

from flask import (
    Blueprint,
    abort,
    flash,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response

from mailroom.content.links.unsubscribe import HOW_TO_LINK
from mailroom.content.recipients.parsed import Parsed, Problems
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import (
    Accepted,
    KeyReused,
    StillUnderWay,
    Submission,
    SubmissionRefused,
)
from mailroom.engine.repeats import planning
from mailroom.engine.repeats.planning import RepeatPlan
from mailroom.ledger.deliveries.outcomes import OUTCOMES
from mailroom.ledger.drafts.versions import Reason
from mailroom.ledger.mailings import contents, mailings
from mailroom.web import mailroom
from mailroom.web.compose import compose_form
from mailroom.web.compose.compose_form import OF_ITS_DRAFT, ComposeForm
from mailroom.web.compose.offers import offers
from mailroom.web.compose.prefill import copied
from mailroom.web.compose.review import review_of
from mailroom.web.compose.submission import submission_of
from mailroom.web.compose.template_choice import chosen_template
from mailroom.web.compose.uploads import Uploads
from mailroom.web.drafts import saving
from mailroom.web.drafts.kept_form_files import DraftUploads
from mailroom.web.layout.filters import count, duration
from mailroom.web.request import errors, gate, origin
from mailroom.web.request.accepted import stands
from mailroom.web.request.errors import LATER
from mailroom.web.request.gate import user
from mailroom.web.request.ids import number
from mailroom.web.writing.preview import as_pasted, as_typed

blueprint = Blueprint("compose", __name__)

SENDER_COOKIE = "sender"
"""Where the session cookie keeps whom this person last wrote as."""

LONGEST_SENDER = 400
"""Characters. A browser throws a cookie of more than 4 KB away, and its owner would be signed out."""

ABOUT_RECIPIENTS = ("recipients", "recipients_file", "recipients_encoding", "recipients_list")
"""Fields."""

LEDGER_IS_AWAY = "The ledger cannot be written just now, so nothing was sent. Try again soon."

DUPLICATES_NAMED = 5
"""Duplicates that are named; a message travels in a cookie, which holds little."""

NOBODY_THERE = "Nobody of this mailing is in that state now: there is nobody to write to."
LETTER_NOT_KEPT = (
    "What that mailing said is not kept any more. Its recipients are here: write the letter anew."
)
CAME_WHOLE = (
    "That mailing came as a whole message. Its subject, text and HTML are here; files, pictures and headers "
    "that it had are not: attach anew what is needed."
)


@blueprint.get("/")
def page() -> Response:
    """An empty form, with the `template` chosen, or one filled from the mailing that `copy` names: with all
    its recipients, or those whose outcome is `to`.
    """
    copy = request.args.get("copy", type=number)
    if copy is None:
        sender = session.get(SENDER_COOKIE) or mailroom().settings.mail_default_sender or ""
        return shown(_with_template(compose_form.blank(sender)), 200)
    outcome = request.args.get("to")
    if outcome is not None and outcome not in OUTCOMES:
        abort(404)
    return _copy(copy, outcome)


def _copy(mailing_id: int, outcome: str | None) -> Response:
    with mailroom().database.read() as connection:
        mailing = mailings.get(connection, mailing_id) or abort(404)
        is_kept = contents.of(connection, mailing_id) is not None
        form = copied(connection, mailing_id, uploads(), outcome)
    if form is None:
        flash(contents.CONTENT_IS_DELETED if outcome is None else NOBODY_THERE, "warning")
        return redirect(url_for("mailings.show", mailing_id=mailing_id), 303)
    if not is_kept:
        flash(LETTER_NOT_KEPT, "warning")
    elif mailing.message_id is not None:
        flash(CAME_WHOLE, "warning")
    return with_its_list(form) if form.recipients_file or outcome else shown(form, 200)


def _with_template(form: ComposeForm) -> ComposeForm:
    """The form with the template chosen that the address names."""
    form.typed["template"] = request.args.get("template", "")[:100]
    form.typed["recipients_list"] = request.args.get("recipients_list", "")[:36]
    template = chosen_template(form)
    if template is not None and template.sender:
        form.typed["sender"] = template.sender
    return form


@blueprint.post("/mailings")
def submit() -> Response:
    """303 to the mailing's page, or the form as typed with what is wrong at each field."""
    kept = uploads()
    form = compose_form.from_request(kept)
    saving.note(form, kept, Reason.SEND)
    return submitted(form)


def submitted(form: ComposeForm, *, is_tried_as_a_whole: bool = False) -> Response:
    """The same for a form that was kept. `is_tried_as_a_whole`: preflight has said what its tags do."""
    submission, parsed = submission_of(form, user().id, g.started, is_tried_as_a_whole=is_tried_as_a_whole)
    if form.problems:
        return shown(form, form.refusal)
    submission = replace(submission, sign_in_hash=gate.sign_in_hash())
    if form.repeat_plan is not None:
        return _kept_to_repeat(form, submission, form.repeat_plan)
    try:
        accepted = accept(mailroom().database, mailroom().queue, submission)
    except SubmissionRefused as refused:
        form.problems = refused.problems
        return shown(form, form.refusal)
    except KeyReused:
        return _ask_again(form)
    except StillUnderWay:
        problem = "This is being accepted at this very moment. Wait a few seconds, then press Send again."
        form.problems = [("send", problem)]
        return shown(form, 409)
    except LEDGER_AWAY:
        form.problems = [("send", LEDGER_IS_AWAY)]
        return shown(form, 503)
    answer = stands(redirect(f"/mailings/{accepted.mailing_id}", 303))
    uploads().drop(file.kept for file in form.files if file.kept)
    if session.get(SENDER_COOKIE) != form.value("sender") and len(form.value("sender")) <= LONGEST_SENDER:
        session[SENDER_COOKIE] = form.value("sender")
    _say(accepted, form, parsed)
    return answer


def _kept_to_repeat(form: ComposeForm, submission: Submission, plan: RepeatPlan) -> Response:
    """303 to the repeat's page."""
    try:
        if not submission.recipients:
            raise ValueError("Add at least one recipient.")
        uid = planning.keep(mailroom().database, submission, plan)
    except KeyReused:
        return _ask_again(form)
    except ValueError as error:
        form.problems = [("repeat", str(error))]
        return shown(form, form.refusal)
    except LEDGER_AWAY:
        form.problems = [("send", LEDGER_IS_AWAY)]
        return shown(form, 503)
    uploads().drop(file.kept for file in form.files if file.kept)
    flash("Kept. It is mailed at each of its times; nothing was sent now.", "good")
    return stands(redirect(url_for("repeats.show", uid=uid), 303))


@blueprint.post("/recipients")
def check_recipients() -> Response:
    """The form as typed, with a table of who would get it, and what is odd there. Nothing is sent."""
    return with_its_list(compose_form.from_request(uploads()))


def with_its_list(form: ComposeForm) -> Response:
    """The same for a form that was kept."""
    submission_of(form, user().id, g.started)
    form.problems = [problem for problem in form.problems if problem[0] in ABOUT_RECIPIENTS]
    form.keep_files(uploads())
    return shown(form, 200)


@blueprint.get("/recipients")
def no_recipients() -> Response:
    """Where somebody ends who signed in anew, or loads that table once more: what was typed is gone."""
    return redirect(url_for("compose.page"), 303)


def _ask_again(form: ComposeForm) -> Response:
    """Somebody went back to a form that was sent and changed it: another mailing, if they mean it."""
    form.idempotency_key = str(uuid.uuid4())
    form.typed |= dict.fromkeys(OF_ITS_DRAFT, "")  # it is a mailing already
    problem = "This form was sent before, with other content. Press Send once more to send this one as well."
    form.problems = [("send", problem)]
    return shown(form, 409)


def _say(accepted: Accepted, form: ComposeForm, parsed: Parsed) -> None:
    """What the mailing's page tells about the acceptance, beyond its figures."""
    if accepted.replayed:
        flash("This was sent already; nothing was sent twice. Here it is.", "info")
        return
    if parsed.duplicates:
        flash(_about_duplicates(parsed.duplicates), "info")
    if form.left_out:
        left_out = count(form.left_out, "entry", "entries")
        flash(f"Left out, as asked: {left_out} that cannot be mailed.", "warning")
    if form.send_at_note:
        flash(form.send_at_note, "warning")
    if form.lacks_link:
        flash(f"Its text has no link to unsubscribe, only its header has one. {HOW_TO_LINK}", "warning")
    if not accepted.enqueued:
        flash("Accepted. The queue cannot be reached just now: sending starts when it is back.", "warning")


def _about_duplicates(duplicates: Problems) -> str:
    named = ", ".join(duplicate.text for duplicate in duplicates[:DUPLICATES_NAMED])
    rest = duplicates.total - DUPLICATES_NAMED
    more = f" and {rest:,} more" if rest > 0 else ""
    return f"Dropped as duplicates: {count(duplicates.total, 'address', 'addresses')} ({named}{more})."


def shown(form: ComposeForm, status: int) -> Response:
    form.idempotency_key = form.idempotency_key or str(uuid.uuid4())
    if status != 200:
        form.keep_files(uploads())
    limit = request.max_content_length or 0
    wait = duration(mailroom().settings.evidence_wait.total_seconds() * 1000).removesuffix(" 0 s")
    page = render_template(
        "compose/page.html",
        form=form,
        review=review_of(form, form.submission) if form.submission else None,
        limit=limit,
        evidence_wait=wait,
        **offers()._asdict(),
    )
    return make_response(page, status, LATER if status == 503 else {})


def uploads() -> Uploads:
    """Of whoever asks; those of the draft that the form is of come back by themselves."""
    return DraftUploads(
        mailroom().settings.home, user().id, mailroom().database, request.form.get("draft", "")
    )


@blueprint.post("/preview")
def preview() -> Response:
    """The letter as typed, its tags not filled, locked into a sandbox of its own."""
    return as_typed(compose_form.from_request(uploads()))


@blueprint.post("/cleaned")
def cleaned() -> Response:
    """What was copied in an office program, as Markdown or as plain HTML."""
    return jsonify(cleaned=as_pasted(request.form.get("pasted", ""), request.form.get("format", "")))


@blueprint.errorhandler(CSRFError)
def expired(error: CSRFError) -> Response:
    """The form as typed, with a fresh token: it is one of our own, as was judged before."""
    if request.endpoint not in ("compose.submit", "compose.check_recipients"):
        return errors.refused(origin.of_token(error))
    return with_a_fresh_token()


def with_a_fresh_token() -> Response:
    """The form as typed, to be sent once more."""
    form = compose_form.from_request(uploads())
    submission_of(form, user().id, g.started)
    form.problems.insert(
        0, ("send", "This page was open for too long. Everything is still here: press Send again.")
    )
    return shown(form, form.refusal)
