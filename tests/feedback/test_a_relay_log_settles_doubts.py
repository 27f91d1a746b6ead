"""flask evidence and flask reconcile: a mail server's record settles what the ledger does not know."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, update

from app import create_app
from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.engine.evidence import examination
from mailroom.ledger import holding
from mailroom.ledger.schema import deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import STATE_WORDS, State
from mailroom.settings import load
from tests.feedback.comes import Comes
from tests.feedback.relay_logs.lines import Logged, postfix
from tests.servers import wait_until
from tests.warm_processes import WarmProcess, run_python

Run = Callable[..., Result]


@pytest.fixture
def run(settings_env: dict[str, str], database_url: str, tmp_path: Path) -> Iterator[Run]:
    """A command that is given a record on standard input, or in files."""
    app: Flask = create_app(load({**settings_env, "DATABASE_URL": database_url}))

    def invoked(*words: str, typed: str = "") -> Result:
        result = app.test_cli_runner().invoke(args=list(words), input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "the ledger cannot be used" not in result.output
        return result

    yield invoked
    app.extensions["mailroom"].database.dispose()


def doubts(comes: Comes, number: int = 1, **options: Any) -> list[int]:
    """The ids of deliveries that are unknown, of one mailing."""
    comes.book.accept(number, **{"if_unknown": "hold", **options})
    lease = comes.book.claim()
    ids = comes.book.inside(lease)
    for id in ids:
        assert comes.book.mark(lease, id) == ""
    comes.book.die(lease)
    return ids


def logged(comes: Comes, id: int, status: str = "sent", **more: str) -> Logged:
    address = comes.book.delivery(id).address
    return Logged(comes.message_id(id), more.pop("recipient", address), status, **more)


def states(comes: Comes, ids: list[int]) -> list[str]:
    return [comes.state(id) for id in ids]


def test_what_the_record_proves_is_shown_first_and_then_settled(comes: Comes, run: Run) -> None:
    ids = doubts(comes, 4)
    said = zip(ids, ("sent", "deferred", "bounced", ""), strict=True)
    record = postfix(logged(comes, id, status) for id, status in said)
    shown = run("evidence", "postfix", "-", typed=record)
    assert "Nothing was changed" in shown.output and "3 mails: unknown here" in shown.output
    assert states(comes, ids) == ["unknown"] * 4
    done = run("evidence", "postfix", "-", "--apply", typed=record)
    assert done.exit_code == 0 and "1 mail: came back" in done.output, done.output
    assert states(comes, ids) == ["sent", "sent", "bounced", "sent"]
    assert "queued as 4X1" in comes.book.delivery(ids[0]).reply
    assert [one.address_key for one in comes.listed()] == [comes.book.delivery(ids[2]).address_key]
    kept = comes.number_kept()
    assert (
        "prove nothing that the ledger does not know"
        in run("evidence", "postfix", "-", "--apply", typed=record).output
    )
    assert comes.number_kept() == kept == 4, "read twice is told once"


def test_the_delivery_has_to_be_the_one_that_is_named(comes: Comes, run: Run) -> None:
    first, second, third, fourth = doubts(comes, 4)
    uid = comes.message_id(first)[1:37]
    of_third, of_fourth = (comes.message_id(one).partition("@")[0] for one in (third, fourth))
    fourth_to = comes.book.delivery(fourth).address
    record = postfix(
        [
            logged(comes, first, recipient="eve@evil.example"),
            logged(
                comes, second, recipient="inbox@mail.example", orig_to=comes.book.delivery(second).address
            ),
            Logged(f"{of_third}@evil.example>", comes.book.delivery(third).address),
            Logged(f"{of_fourth.replace(uid, uid[::-1])}@mailroom.example>", fourth_to),
            Logged(f"<{uid}.{fourth}@mailroom.example>", fourth_to),  # as anybody may guess
            Logged(f"<{uid}@mailroom.example>", fourth_to),
            Logged(f"<{uid}.99999@mailroom.example>", fourth_to),
        ]
    )
    done = run("evidence", "postfix", "-", "--apply", typed=record)
    assert states(comes, [first, second, third, fourth]) == ["unknown", "sent", "unknown", "unknown"]
    assert "to another recipient than ours" in done.output, done.output


def test_only_mail_of_a_named_client_proves_anything(comes: Comes, run: Run) -> None:
    ours, foreign = doubts(comes, 2)
    record = postfix([logged(comes, ours), logged(comes, foreign, client="203.0.113.9")])
    run("evidence", "postfix", "-", "--apply", "--client", "192.0.2.7", typed=record)
    assert states(comes, [ours, foreign]) == ["sent", "unknown"]


def test_of_a_shared_message_the_recipient_decides(comes: Comes, run: Run) -> None:
    content = Content(Address("post@mailroom.example"), "Hi", text="Hi", kind="shared")
    submission = Submission(
        content, [Recipient(f"{name}@mail.example") for name in ("ann", "bob")], if_unknown="hold"
    )
    accept(comes.database, comes.book.queue, submission)
    lease = comes.book.claim()
    ids = comes.book.inside(lease)
    for id in ids:
        assert comes.book.mark(lease, id) == ""
    comes.book.die(lease)
    nobody_named = run("evidence", "postfix", "-", "--apply", typed=postfix([logged(comes, ids[0], "")]))
    assert states(comes, ids) == ["unknown", "unknown"], nobody_named.output
    run("evidence", "postfix", "-", "--apply", typed=postfix([logged(comes, ids[1])], first=9))
    assert states(comes, ids) == ["unknown", "sent"]


def test_a_message_id_that_two_mails_have_proves_neither(comes: Comes, run: Run) -> None:
    """Of a message that came whole its author chose it: also one that was made here for another mail."""
    (made,) = doubts(comes)
    taken, address = comes.message_id(made), comes.book.delivery(made).address
    (whole,) = doubts(comes)
    with comes.database.begin() as connection:
        of = mailings_table.c.id == comes.book.delivery(whole).mailing_id
        connection.execute(update(mailings_table).where(of).values(message_id=taken))
    assert comes.book.delivery(whole).address == address
    run("evidence", "postfix", "-", "--apply", typed=postfix([Logged(taken, address)]))
    assert states(comes, [made, whole]) == ["unknown", "unknown"]


def test_a_message_that_came_whole_is_known_by_its_own_message_id(comes: Comes, run: Run) -> None:
    ids = doubts(comes, 2)
    with comes.database.begin() as connection:
        connection.execute(update(mailings_table).values(message_id="<own@elsewhere.example>"))
    run("evidence", "postfix", "-", "--apply", typed=postfix([logged(comes, ids[1])]))
    assert states(comes, ids) == ["unknown", "sent"]


def test_a_queue_id_in_the_words_of_the_250_is_enough_for_what_came_back(comes: Comes, run: Run) -> None:
    ids = comes.sent(2)
    with comes.database.begin() as connection:
        for id, queue_id in zip(ids, ("3d4c4a42", "3d4c4a43"), strict=True):
            one = update(deliveries).where(deliveries.c.id == id)
            connection.execute(one.values(reply=f"2.0.0 {queue_id} Message accepted for delivery"))
    head = "Nov 29 07:20:43 relay smtpd[7]: 5df87c9b982c840d mta delivery evpid=3d4c4a42"
    words = 'source="192.0.2.8" relay="mx" delay=3s result="PermFail" stat="550 5.1.1 no such user"'
    to = comes.book.delivery(ids[0]).address
    for address, expected in ((comes.book.delivery(ids[1]).address, "sent"), (to, "bounced")):
        line = f"{head}4797fe79 from=<post@mailroom.example> to=<{address}> rcpt=<-> {words}\n"
        run("evidence", "opensmtpd", "-", "--apply", typed=line)
        assert states(comes, ids) == [expected, "sent"]


def test_a_return_path_of_its_own_tells_a_mail_where_no_message_id_is_logged(comes: Comes, run: Run) -> None:
    ids = doubts(comes, 2)
    sender = f"bounces+{comes.token(ids[0])}@mailroom.example"
    session = "Nov 29 07:20:43 relay smtpd[7]: 5df87c9b982c840d smtp envelope"
    lines = (
        f"{session} evpid=3d4c4a424797fe{id:02x} from=<{sender}> to=<{comes.book.delivery(id).address}>\n"
        for id in ids
    )
    run("evidence", "opensmtpd", "-", "--apply", typed="".join(lines))
    assert states(comes, ids) == ["sent", "unknown"], "the second has the first one's return path"


def test_what_left_no_trace_is_only_named(comes: Comes, run: Run) -> None:
    traced, untraced, recent = doubts(comes, 3)
    ago = datetime.now(UTC) - timedelta(hours=2)
    with comes.database.begin() as connection:
        old = update(deliveries).where(deliveries.c.id != recent)
        connection.execute(old.values(marked_at=round(ago.timestamp() * 1000)))

    def at(hours: float, *mails: Logged, first: int = 0) -> str:
        moment = datetime.now(UTC) - timedelta(hours=hours)
        return postfix(mails, moment.isoformat(timespec="seconds"), first)

    other = Logged("<x@y.example>", "x@mail.example")
    record = at(3, other) + at(2, logged(comes, traced), first=5) + at(0.1, other, first=9)
    done = run("evidence", "postfix", "-", typed=record)
    assert f"delivery {untraced} (unknown)" in done.output and "they never arrived" in done.output
    assert f"no trace: p0@mail.example, mailing 1, delivery {traced}" not in done.output
    assert f"delivery {recent} " not in done.output, "its time is not covered to the end"
    assert "no trace" not in run("evidence", "postfix", "-", typed=at(1, other)).output


def test_a_run_that_was_cut_off_is_run_again(
    comes: Comes, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(examination, "LOOKED_UP_AT_ONCE", 2)
    ids = doubts(comes, 5)
    record = tmp_path / "mail.log"
    record.write_text(postfix(logged(comes, id) for id in ids))
    cut, real = [], examination.Examination.groups

    def dies(self: examination.Examination, traces: Any) -> Iterator[Any]:
        for number, group in enumerate(real(self, traces)):
            if number == 1:
                cut.append(number)
                raise KeyboardInterrupt
            yield group

    with monkeypatch.context() as patch:
        patch.setattr(examination.Examination, "groups", dies)
        run("evidence", "postfix", str(record), "--apply")
    assert cut and states(comes, ids).count("sent") == 2
    run("evidence", "postfix", str(record), "--apply")
    assert states(comes, ids) == ["sent"] * 5 and comes.number_kept() == 5


def test_one_that_is_killed_is_run_again(
    comes: Comes, settings_env: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    """kill -9 while its record still comes in by a pipe: what was settled stands, the rest follows."""
    mailing_id = comes.book.accept(1_000)
    hold(comes.database)
    with comes.database.read() as connection:
        ids = connection.execute(select(deliveries.c.id).order_by(deliveries.c.id)).scalars().all()
    mails = [Logged(comes.message_id(id), f"p{n}@mail.example") for n, id in enumerate(ids)]
    environment = {**os.environ, **settings_env, "DATABASE_URL": database_url}
    command = ["-m", "flask", "reconcile", "postfix", "-", "--apply"]

    def sent() -> int:
        return comes.book.states(mailing_id).get(State.SENT, 0)

    pipe = tmp_path / "record"
    os.mkfifo(pipe)
    begun = WarmProcess(command, environment, tmp_path / "said", typed=pipe)
    with suppress(BrokenPipeError), pipe.open("w") as record:
        record.write(postfix(mails[:600]))
        record.flush()
        wait_until(lambda: sent() >= 500, 30)
        begun.kill()
        begun.wait(10)
    assert sent() == 500
    comes.book.check()
    again = run_python(command, environment, typed=postfix(mails))
    assert "500 mails: believed unsent" in again.stdout, again.stdout + again.stderr
    assert comes.book.states(mailing_id) == {State.SENT: 1_000}


def hold(database: Database) -> None:
    with database.begin() as connection:
        holding.hold(connection, holding.AFTER_RESTORE)


UNSENT = ("queued", "deferred", "failed", "canceled", "expired", "suppressed")


def test_a_restored_ledger_learns_what_was_sent_after_its_backup(
    comes: Comes, run: Run, tmp_path: Path
) -> None:
    mailing_id = comes.book.accept(8)
    lease = comes.book.claim()
    ids = comes.book.inside(lease)
    comes.book.mark(lease, ids[6])  # being handed over when the backup was taken
    believed = dict(zip(ids, UNSENT, strict=False))
    with comes.database.begin() as connection:
        for id, state in believed.items():
            one = update(deliveries).where(deliveries.c.id == id)
            connection.execute(one.values(state=STATE_WORDS[state]))
    record = postfix(
        [*(logged(comes, id) for id in ids[:5]), logged(comes, ids[5], "bounced"), logged(comes, ids[6])]
    )
    lost = "<00000000-0000-4000-8000-000000000001.77@mailroom.example>"
    record += postfix([Logged(lost, "zoe@mail.example")] * 2, first=100)

    listed = tmp_path / "found.csv"
    shown = run("reconcile", "postfix", "-", "--list", str(listed), typed=record)
    assert "7 mails: believed unsent" in shown.output and "1 mail: sent by a Mailroom" in shown.output
    assert "accepted after the backup" in shown.output
    rows = list(csv.DictReader(listed.open(newline="")))
    assert [row["recipient"] for row in rows if row["finding"] == "not in this ledger"] == [
        "zoe@mail.example"
    ]
    assert states(comes, ids) == [*UNSENT, "sending", "queued"]

    refused = run("reconcile", "postfix", "-", "--apply", typed=record)
    assert refused.exit_code == 1 and "flask hold" in refused.output
    assert states(comes, ids) == [*UNSENT, "sending", "queued"]
    hold(comes.database)
    run("reconcile", "postfix", "-", "--apply", typed=record)
    assert states(comes, ids) == [*["sent"] * 5, "bounced", "sent", "queued"]
    again = run("reconcile", "postfix", "-", "--apply", typed=record)
    assert "believed unsent" not in again.output
    comes.book.die(lease)
    with comes.database.begin() as connection:
        holding.release(connection)
    comes.book.gather(mailing_id)
    assert comes.book.inside(comes.book.claim()) == [ids[7]], "only that one is still to be sent"


def test_evidence_leaves_what_is_believed_unsent_alone(comes: Comes, run: Run) -> None:
    comes.book.accept(1)
    (id,) = comes.book.inside(comes.book.claim())
    hold(comes.database)
    run("evidence", "postfix", "-", "--apply", typed=postfix([logged(comes, id)]))
    assert comes.state(id) == "queued"


def test_a_record_that_breaks_off_is_told_of(run: Run, comes: Comes) -> None:
    (id,) = doubts(comes)
    done = run("evidence", "csv", "-", "--apply", typed="id,when\n")
    assert done.exit_code == 1 and "names no column" in done.output
    table = f"Message-ID,time,status\n{comes.message_id(id)},{datetime.now(UTC).isoformat()},accepted\n"
    run("evidence", "csv", "-", "--apply", typed=table)
    assert comes.state(id) == "sent", "a table need not say to whom, where the Message-ID is one delivery's"
    assert "no time zone" in run("evidence", "csv", "-", "--time-zone", "Mars/Base", typed=table).output


def test_words_of_strangers_do_nothing_to_a_terminal(run: Run, comes: Comes) -> None:
    (id,) = doubts(comes)
    row = f"{comes.message_id(id)},2026-11-29,sent,\x1b]0;owned\x07\u202e250 ok"
    done = run("evidence", "csv", "-", typed=f"message-id,time,status,words\n{row}\n")
    assert "250 ok" in done.output and "\x1b" not in done.output and "\u202e" not in done.output
