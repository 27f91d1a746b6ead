"""/check: what is odd about a mailing, how each recipient gets it, a test, and Send from there."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, abort, flash, g, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response

from mailroom.content.addresses import Address
from mailroom.content.check import check as mistakes_of
from mailroom.content.content import Content
from mailroom.content.recipients.pasted import parse_pasted
from mailroom.content.writing.converter import ConverterBusy
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import SubmissionRefused
from mailroom.engine.letterhead import link_place
from mailroom.engine.preflight.plan import plan_of
from mailroom.ledger.drafts.versions import Reason
from mailroom.smtp.server import server_from
from mailroom.web import mailroom
from mailroom.web.checking import kept_form, running
from mailroom.web.checking.for_testers import MOST_TESTERS, submission_for_testers
from mailroom.web.checking.forecast import Forecast, forecast
from mailroom.web.checking.kept_check import CheckStatus, KeptCheck, Person, digest_of
from mailroom.web.checking.preview import PreviewedLetter, previewed
from mailroom.web.checking.shown_finding import shown_findings
from mailroom.web.compose import compose_form
from mailroom.web.compose.compose_form import ComposeForm
from mailroom.web.compose.submission import content_of, submission_of, waits_of
from mailroom.web.drafts import saving
from mailroom.web.layout.filters import count
from mailroom.web.letter_frame import framed
from mailroom.web.pages import compose
from mailroom.web.request import errors, gate, origin
from mailroom.web.request.gate import user
from mailroom.web.request.ids import number
from mailroom.web.writing.preview import pictures_of

blueprint = Blueprint("check", __name__)

TESTER_SHOWN = 60
"""Characters of an entry that is no address."""

HEADERS_SHOWN = ("from", "to", "reply-to", "subject")
"""Beside those that the mailing has of its own."""

SHOWN_AS = ("html", "text", "source")
WIDTHS = ("desktop", "phone")
SCHEMES = ("light", "dark")


@blueprint.post("/check")
def begin() -> Response:
    """303 to the check's page, or the form with what must be mended before anything can be built."""
    kept = compose.uploads()
    form = compose_form.from_request(kept)
    saving.note(form, kept, Reason.CHECK)
    return _begun(form)


def _begun(form: ComposeForm) -> Response:
    tried = kept_form.as_checked(form)
    submission, parsed = submission_of(tried, user().id, g.started, is_tried_as_a_whole=True)
    if tried.problems:
        # Again as it stands, so that its page says all that is wrong, and of which entries.
        submission_of(form, user().id, g.started)
        form.problems = form.problems or tried.problems
        return compose.shown(form, form.refusal)
    check = KeptCheck(kept_form.keep(form, compose.uploads()))
    running.run(
        check, plan_of(submission.content, parsed, has_template=tried.template is not None), mailroom()
    )
    return redirect(url_for("check.show", token=check.token), 303)


@blueprint.get("/check/<token>")
def show(token: str) -> Response:
    check, status = _found(token)
    form = kept_form.read(check.form, compose.uploads())
    person = _person(check)
    content = _content(form, status)
    options = _options()
    if options["as"] == "html" and not content.html.strip():
        options["as"] = "text"
    return _page(
        "check/page.html",
        check=check,
        status=status,
        subject=content.subject,
        findings=shown_findings(status),
        forecast=_forecast(form, status),
        is_for_later=bool(form.value("send_at").strip()),
        person=person,
        preview=_previewed(content, person),
        options=options,
        shown_headers={*HEADERS_SHOWN, *(name.lower() for name, _ in content.headers)},
        tester=_own_address(),
        most_testers=MOST_TESTERS,
    )


@blueprint.get("/check/<token>/progress")
def progress(token: str) -> Response:
    """The moving part of the page while it is checked."""
    check, status = _found(token)
    return _page("check/live.html", check=check, status=status)


@blueprint.get("/check/<token>/letter/<int:place>")
def as_html(token: str, place: int) -> Response:
    """The HTML for one recipient, for a sandboxed frame."""
    check, status = _found(token)
    form = kept_form.read(check.form, compose.uploads())
    content = _content(form, status)
    found = _previewed(content, check.person(place))
    if found is None or found.letter is None or not found.letter.html:
        abort(404)
    return framed(found.letter.html, pictures_of(content), _options()["scheme"])


@blueprint.get("/check/<token>/edit")
def edit(token: str) -> Response:
    """The form as it was typed."""
    check, _ = _found(token)
    return compose.with_its_list(kept_form.read(check.form, compose.uploads()))


@blueprint.post("/check/<token>/again")
def again(token: str) -> Response:
    check, _ = _found(token)
    return _begun(kept_form.read(check.form, compose.uploads()))


@blueprint.post("/check/<token>/send")
def send(token: str) -> Response:
    """As Send of the form itself. What the page has told of is sent all the same."""
    check, status = _found(token)
    form = kept_form.as_checked(kept_form.read(check.form, compose.uploads()))
    said = digest_of(content_of(read := replace(form, problems=list(form.problems))))
    is_known_to_be_fit = status.report is not None and not status.refuses
    if read.problems:  # so what it says could not be compared; it may be readable by now
        submission_of(form, user().id, g.started, is_tried_as_a_whole=is_known_to_be_fit)
        form.problems = form.problems or read.problems
        return compose.shown(form, form.refusal)
    if said != status.said:
        flash("Nothing was sent: what the template says has changed since. Check it again.", "error")
        return redirect(url_for("check.show", token=token), 303)
    form.template, form.is_template_read = read.template, read.is_template_read
    answer = compose.submitted(form, is_tried_as_a_whole=is_known_to_be_fit)
    if answer.status_code == 303:
        saving.mark(form, Reason.SEND)
        compose.uploads().drop([check.form])
    return answer


@blueprint.post("/check/<token>/test")
def test(token: str) -> Response:
    """Sends it to a few, with the values of the recipient who is looked at."""
    check, status = _found(token)
    form = kept_form.read(check.form, compose.uploads())
    person = check.person(request.form.get("place", -1, type=number) or 0)
    testers = _testers(request.form.get("to", ""))
    if testers and _send_test(_content(form, status), status, person, testers):
        saving.mark(form, Reason.TEST)
    place = person.place if person else 0
    return redirect(url_for("check.show", token=token, place=place, _anchor="test"), 303)


def _own_address() -> str:
    """Of whoever looks, for a test; empty where it cannot be mailed, as `owner@localhost` of a local run."""
    address = user().email
    return "" if parse_pasted(address).problems else address


def _testers(typed: str) -> list[Address]:
    """Empty: what is wrong was flashed."""
    parsed = parse_pasted(typed)
    for problem in parsed.problems[:MOST_TESTERS]:  # little of each: they travel in a cookie
        flash(f"No test was sent. {problem.text[:TESTER_SHOWN]}: {problem.message}", "error")
    if len(parsed.recipients) > MOST_TESTERS:
        flash(f"No test was sent. It goes to {MOST_TESTERS} addresses at the most.", "error")
    elif not parsed.recipients and not parsed.problems:
        flash("No test was sent. Say who gets it.", "error")
    elif not parsed.problems:
        return [Address(one.address, one.name) for one in parsed.recipients]
    return []


def _send_test(content: Content, status: CheckStatus, person: Person | None, testers: list[Address]) -> bool:
    settings = mailroom().settings
    submission = submission_for_testers(
        content,
        status.columns,
        person.recipient if person else None,
        testers,
        link_place(settings),
        user_id=user().id,
        expires_after=settings.expires,
    )
    problems = mistakes_of(submission.content, submission.columns, submission.recipients)
    try:
        if problems:
            raise SubmissionRefused(problems)
        submission = replace(submission, sign_in_hash=gate.sign_in_hash())
        accepted = accept(mailroom().database, mailroom().queue, submission)
    except SubmissionRefused as refused:
        flash(f"No test was sent. {refused.problems[0][1]}", "error")
    except LEDGER_AWAY:
        flash("No test was sent: the ledger cannot be written just now. Try again soon.", "error")
    else:
        goes = f"A test goes to {count(accepted.total, 'address', 'addresses')}"
        flash(f"{goes}, as a mailing of its own: number {accepted.mailing_id}.", "good")
        return True
    return False


def _found(token: str) -> tuple[KeptCheck, CheckStatus]:
    upload = kept_form.find(token, compose.uploads()) or abort(404)
    check = KeptCheck(upload)
    return check, check.status() or abort(404)


def _content(form: ComposeForm, status: CheckStatus) -> Content:
    """Raises ConverterBusy."""
    content = content_of(form)
    if form.is_for_later:
        raise ConverterBusy
    return replace(content, purpose=status.purpose)


def _person(check: KeptCheck) -> Person | None:
    """Whom the page shows: who is searched for, or at the place that is asked for, or the first."""
    if words := request.args.get("who", "").strip():
        if found := check.find(words):
            return found
        flash(f"Nobody here is called “{words[:80]}”.", "warning")
    return check.person(request.args.get("place", type=number) or 0)


def _previewed(content: Content, person: Person | None) -> PreviewedLetter | None:
    if person is None:
        return None
    return previewed(content, person.recipient, link_place(mailroom().settings))


def _options() -> dict[str, str]:
    def chosen(name: str, known: tuple[str, ...]) -> str:
        given = request.args.get(name, "")
        return given if given in known else known[0]

    return {
        "as": chosen("as", SHOWN_AS),
        "width": chosen("width", WIDTHS),
        "scheme": chosen("scheme", SCHEMES),
    }


def _forecast(form: ComposeForm, status: CheckStatus) -> Forecast | None:
    number = status.report["recipients"] if status.report else 0
    if not number:
        return None
    waits = waits_of(form, number, is_bulk=status.purpose == "bulk")
    if form.value("send_at").strip():  # by then nobody waits for Undo
        waits = waits._replace(undo=0)
    try:
        with mailroom().database.read_at_once() as connection:
            return forecast(connection, server_from(mailroom().settings), number, waits)
    except LEDGER_AWAY:
        return None


def _page(template: str, **values: object) -> Response:
    return make_response(render_template(template, **values), {"Cache-Control": "no-store"})


@blueprint.errorhandler(CSRFError)
def expired(error: CSRFError) -> Response:
    """The form as typed, with a fresh token."""
    if request.endpoint != "check.begin":
        return errors.refused(origin.of_token(error))
    return compose.with_a_fresh_token()
