"""Attachments by `path`, from a real server on the far side; and what it must not lead to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import create_app
from mailroom.ledger.schema import attachments
from mailroom.settings import load
from mailroom.sink.certificates import make_certificate
from mailroom.web.api.submitted import remote_files
from tests.api.conftest import EMAIL, Client
from tests.webhooks.receiver import Receiver

PNG = {"Content-Type": "image/png"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.answer = lambda *_: (200, PNG, b"not really")
    yield receiver
    receiver.stop()


@pytest.fixture
def make_client(settings_env: dict[str, str]) -> Iterator[Callable[[str], Client]]:
    made: list[Client] = []

    def make(hosts: str) -> Client:
        more = {"MAILROOM_FETCH_ATTACHMENTS": "true", "MAILROOM_WEBHOOK_HOSTS": hosts}
        made.append(Client(create_app(load(settings_env | more))))
        return made[-1]

    yield make
    for client in made:
        client.database.dispose()


@pytest.fixture
def fetching(make_client: Callable[[str], Client]) -> Client:
    return make_client("127.0.0.1,localhost")


def kept(client: Client) -> list[tuple[str, str, bytes]]:
    with client.database.read() as connection:
        columns = attachments.c.filename, attachments.c.content_type, attachments.c.data
        return [tuple(row) for row in connection.execute(select(*columns).order_by(attachments.c.id))]


def send(client: Client, url: str, **more: Any) -> TestResponse:
    return client.send(attachments=[{"path": url, **more}])


def refusal(answer: TestResponse) -> str:
    """Its message; nothing was accepted."""
    assert (answer.status_code, answer.get_json()["name"]) == (422, "invalid_attachment")
    return str(answer.get_json()["message"])


def at(receiver: Receiver, path: str) -> str:
    return f"http://127.0.0.1:{receiver.server.server_port}{path}"


def test_its_name_and_type_are_told_by_address_and_answer(fetching: Client, receiver: Receiver) -> None:
    assert send(fetching, at(receiver, "/a/gr%C3%BCn.bin?size=2")).status_code == 200
    assert kept(fetching) == [("grün.bin", "image/png", b"not really")]
    assert receiver.got[0].path == "/a/gr%C3%BCn.bin?size=2"


def test_what_is_given_counts(fetching: Client, receiver: Receiver) -> None:
    url = at(receiver, "/a")
    assert send(fetching, url, filename="b.pdf", content_type="application/pdf").status_code == 200
    assert kept(fetching) == [("b.pdf", "application/pdf", b"not really")]


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("application/octet-stream", "application/pdf"),
        ("nonsense", "application/pdf"),
        ("text/csv; charset=utf-8", "text/csv; charset=utf-8"),
        ("text/csv; charset", "text/csv"),
    ],
)
def test_an_answer_that_does_not_know_its_type_leaves_it_to_the_name(
    fetching: Client, receiver: Receiver, header: str, kind: str
) -> None:
    receiver.answer = lambda *_: (200, {"Content-Type": header}, b"%PDF")
    assert send(fetching, at(receiver, "/a.pdf")).status_code == 200
    assert kept(fetching) == [("a.pdf", kind, b"%PDF")]


@pytest.mark.parametrize("trusted", [True, False])
def test_https_is_checked(
    make_client: Callable[[str], Client],
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusted: bool,
) -> None:
    pem = make_certificate(tmp_path, "good")
    receiver.speak_tls(pem)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    client = make_client("localhost")
    answer = send(client, at(receiver, "/a.png").replace("http://127.0.0.1", "https://localhost"))
    if trusted:
        assert answer.status_code == 200 and len(kept(client)) == 1
    else:
        assert "certificate is not valid" in refusal(answer)
        assert receiver.got == [] and kept(client) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://127.0.0.1:{port}/a", "not on the public internet"),
        ("https://localhost:{port}/a", "not on the public internet"),
        ("https://2130706433:{port}/a", "not on the public internet"),
        ("https://[::ffff:127.0.0.1]:{port}/a", "not on the public internet"),
        ("https://169.254.169.254/latest/meta-data", "not on the public internet"),
        ("http://127.0.0.1:{port}/a", "must begin with https"),
        ("http://example.org/a", "must begin with https"),
        ("file:///etc/passwd", "must begin with https"),
        ("https://ann:secret@example.org/a", "must not hold a name or password"),
        ("https://" + "a" * 64 + ".example/a", "no host that can exist"),
        ("", "must begin with https"),
    ],
)
def test_it_does_not_lead_behind_the_wall(
    make_client: Callable[[str], Client], receiver: Receiver, url: str, reason: str
) -> None:
    client = make_client("files.internal")
    answer = send(client, url.format(port=receiver.server.server_port))
    assert reason in refusal(answer)
    assert receiver.connections == 0 and kept(client) == []


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (404, {}, "it answered 404."),
        (302, {"Location": "/b"}, "it answered 302. Redirects are not followed."),
        (200, {"Content-Encoding": "gzip"}, "its answer is compressed"),
        (200, {"Content-Length": "99", "Connection": "close"}, "its answer broke off"),
    ],
)
def test_an_answer_that_is_not_the_file_is_refused(
    fetching: Client, receiver: Receiver, status: int, headers: dict[str, str], reason: str
) -> None:
    receiver.answer = lambda *_: (status, headers, b"x")
    assert reason in refusal(send(fetching, at(receiver, "/a")))
    assert len(receiver.got) == 1 and kept(fetching) == []


def test_the_files_of_a_request_have_a_size_together(
    fetching: Client, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "LARGEST_REMOTE_FILE", 25)
    files = [{"path": at(receiver, path)} for path in ("/a", "/b", "/c")]
    assert "larger than" in refusal(fetching.send(attachments=files))


def test_a_batch_fetches_a_file_once_and_keeps_it_for_each(fetching: Client, receiver: Receiver) -> None:
    email = {**EMAIL, "attachments": [{"path": at(receiver, "/a")}]}
    assert fetching.post("/emails/batch", json=[email, email]).status_code == 200
    assert len(receiver.got) == 1 and len(kept(fetching)) == 2


def test_the_files_of_a_request_have_a_time_together(
    fetching: Client, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "REMOTE_FILES_PATIENCE_SECONDS", 0.3)
    receiver.delay = 0.2
    files = [{"path": at(receiver, f"/{number}")} for number in range(9)]
    email = {**EMAIL, "attachments": files}
    answer = fetching.post(
        "/emails/batch", json=[email, email], headers={"x-batch-validation": "permissive"}
    ).get_json()
    assert "no answer within" in answer["errors"][0]["message"]
    assert "together" in answer["errors"][1]["message"]
    assert len(receiver.got) == 2


def test_the_same_again_needs_no_file(fetching: Client, receiver: Receiver) -> None:
    body = {**EMAIL, "attachments": [{"path": at(receiver, "/a")}]}
    key = {"Idempotency-Key": "order/1"}
    first = fetching.post("/emails", json=body, headers=key)
    receiver.answer = lambda *_: (404, {}, b"")
    again = fetching.post("/emails", json=body, headers=key)
    assert (again.status_code, again.get_json()) == (200, first.get_json())
