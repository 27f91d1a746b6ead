"""/settings: how this system is set up and doing, one's password, and one's browsers."""

from __future__ import annotations

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailroom.content.schedule.zones import zone_named
from mailroom.database.engine import product_of
from mailroom.database.together import Together
from mailroom.ledger import holding
from mailroom.ledger.people import sign_ins, users
from mailroom.ledger.relays import rates, recovery
from mailroom.smtp.server import configured
from mailroom.web import mailroom
from mailroom.web.layout.filters import count, duration
from mailroom.web.request import gate
from mailroom.web.request.gate import user
from mailroom.web.sign_in import known_browsers, passwords, views
from mailroom.web.sign_in.attempts import attempts
from mailroom.web.sign_in.browsers import browser_name
from mailroom.web.status.checks import ask_all

blueprint = Blueprint("settings", __name__, url_prefix="/settings")

Problems = dict[str, str]


@blueprint.get("")
def page() -> Response:
    return _shown({})


@blueprint.post("/release")
def release() -> Response:
    """Lets go what is held."""
    with mailroom().database.begin_at_once() as connection:
        gate.hold(connection)
        released = holding.release(connection)
    words = "Sending goes on within seconds." if released else "Nothing was held any more."
    flash(words, "good" if released else "info")
    return redirect(url_for(".page"), 303)


def _shown(problems: Problems) -> Response:
    with mailroom().database.read_at_once() as connection:
        reads = Together(connection)
        signed_in = reads.ask(sign_ins.of_user, user().id)
        password_hash = reads.ask(users.password_hash, user().id)
        present = reads.ask(rates.present, configured(mailroom().settings))
        browsers, has_password = signed_in(), password_hash() is not None
        slowed = [rate for rate in present() if rate.is_slowed]
    body = render_template(
        "settings/page.html",
        browsers=[
            (browser, browser_name(browser.user_agent), browser.id == g.sign_in.id) for browser in browsers
        ],
        has_password=has_password,
        problems=problems,
        facts=_facts(slowed),
        checks=ask_all(mailroom()),
        slowed=slowed,
    )
    return make_response(body, 422 if problems else 200)


def _facts(slowed: list[rates.Present]) -> list[tuple[str, str]]:
    """The settings that may be seen: no password, no secret, no URL that holds one."""
    settings = mailroom().settings
    way = "TLS" if settings.mail_use_ssl else "STARTTLS" if settings.mail_use_tls else "no encryption"
    login = f", as {settings.mail_username}" if settings.mail_username else ""
    return [
        ("Mail server", f"{settings.mail_server}:{settings.mail_port} ({way}{login})"),
        ("Default sender", settings.mail_default_sender or "none"),
        ("Rate", _rate(settings.rate, slowed)),
        ("Workers", f"{settings.workers} processes, up to {settings.connections} SMTP sessions each"),
        ("Ledger", product_of(settings.database_url)),
        ("Public address", settings.public_url),
    ]


def _rate(setting: str | None, slowed: list[rates.Present]) -> str:
    """What is set, and what each server that asked us to slow down gets at present."""
    words = [setting or "as fast as the server takes it"]
    return "; ".join(
        [*words, *(f"{rate.server} asked us to slow down and gets {rate} now" for rate in slowed)]
    )


@blueprint.post("/relay")
def reset_relay() -> Response:
    """Forgets what a mail server asked for or refused, and has it tried at once."""
    server = request.form.get("server", "")
    with mailroom().database.begin_at_once() as connection:
        is_news = recovery.reset(connection, server)
    words = "is tried now, at the rate that is set." if is_news else "was in no trouble, and not slowed down."
    flash(f"{server} {words}", "good")
    return redirect(url_for("settings.page"), 303)


@blueprint.post("/zone")
def set_zone() -> Response:
    """The one that was chosen; or, while none is kept, the browser's as a `guess`."""
    name, is_guess = request.form.get("zone", "").strip(), "guess" in request.form
    try:
        zone_named(name)
    except ValueError as refusal:
        return make_response("", 204) if is_guess else _shown({"zone": str(refusal)})
    with mailroom().database.begin_at_once() as connection:
        users.set_zone(connection, user().id, name, is_guess=is_guess)
    if is_guess:
        return make_response("", 204)
    flash(f"All times are shown in {name} now, and what you plan is planned there.", "good")
    return redirect(url_for("settings.page"), 303)


@blueprint.post("/password")
def set_password() -> Response:
    problems = _password_problems()
    if problems:
        return _shown(problems)
    password_hash = passwords.hashed(request.form["new_password"])
    with mailroom().database.begin_at_once() as connection:
        gate.hold(connection)
        keys = users.set_password(connection, user().id, password_hash)
        # This one too, for somebody may have its cookie, and it is given another.
        others = sign_ins.end_all(connection, user().id) - 1
    views.sign_in(user(), lambda connection: users.password_hash(connection, user().id) == password_hash)
    known_browsers.remember(user().email)
    signed_out = " All other browsers are signed out." if others else ""
    revoked = f" {count(len(keys), 'admin key')} of yours can open nothing any more." if keys else ""
    flash(f"The password is set. Links that signed you in are void.{signed_out}{revoked}", "good")
    return redirect(url_for("settings.page"), 303)


def _password_problems() -> Problems:
    address, email, browser = request.remote_addr or "", user().email, f"sign-in {g.sign_in.id}"
    with mailroom().database.read() as connection:
        known = users.password_hash(connection, user().id)
    if known is not None:
        if wait := attempts().begin(address, email, browser):
            return {"password": f"Too many attempts. Try again in {duration(wait * 1000)}."}
        if not passwords.matches(known, request.form.get("password", "")):
            return {"password": "This is not your present password."}
        attempts().succeeded(email, address, browser)
    problem = passwords.problem(request.form.get("new_password", ""))
    return {"new_password": problem} if problem else {}


@blueprint.post("/browsers/<int:sign_in_id>/end")
def end(sign_in_id: int) -> Response:
    with mailroom().database.begin_at_once() as connection:
        ended = sign_ins.end(connection, user().id, sign_in_id)
    flash("That browser is signed out." if ended else "That browser was signed out already.", "good")
    return redirect(url_for("settings.page"), 303)


@blueprint.post("/browsers/end-others")
def end_others() -> Response:
    with mailroom().database.begin_at_once() as connection:
        sign_ins.end_all(connection, user().id, but=g.sign_in.id)
    flash("All other browsers are signed out.", "good")
    return redirect(url_for("settings.page"), 303)
