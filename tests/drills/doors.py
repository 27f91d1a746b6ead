"""The doors of a Mailroom in production, for a drill: web processes, the submission port, and keys."""

from __future__ import annotations

import smtplib
import subprocess
import sys
import urllib.parse
from contextlib import ExitStack

from mailroom.ledger.people import api_keys, users
from mailroom.web.sign_in import passwords
from tests.drills.stage import Stage
from tests.ports import own_port
from tests.servers import wait_until
from tests.system import ROOT
from tests.web_server import WebServer

PERSON, PASSWORD = "ann@innocent.example", "correct horse battery"


class Doors:
    """`with Doors(stage) as doors:`. `held` are connections that stay open until its end."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.held = ExitStack()
        self.submission_port = own_port()

    def __enter__(self) -> Doors:
        system = self._stage.system
        self.web = self.held.enter_context(WebServer(system.folder, system.environment, "--workers 2"))
        with (system.folder / "submission.log").open("ab") as log:
            self.submission = subprocess.Popen(
                [sys.executable, "-m", "mailroom.submission"],
                cwd=ROOT,
                env={**system.environment, "MAILROOM_SUBMISSION_PORT": str(self.submission_port)},
                stdout=log,
                stderr=log,
            )
        wait_until(self._submission_answers, 30, "the submission port")
        self.key, self.innocent_key = self._new_key("hostile"), self._new_key("innocent")
        with system.database.begin() as connection:
            users.add(connection, PERSON, passwords.hashed(PASSWORD))
        self._cookie, self._token = self.web.sign_in()
        return self

    def __exit__(self, *_: object) -> None:
        self.submission.terminate()
        self.submission.wait(20)
        self.held.close()

    def _submission_answers(self) -> bool:
        try:
            smtplib.SMTP("127.0.0.1", self.submission_port, timeout=5).close()
        except OSError:
            return False
        return True

    def _new_key(self, name: str) -> str:
        with self._stage.system.database.begin() as connection:
            return str(api_keys.add(connection, name, scopes=["admin"])[0])

    @property
    def pids(self) -> list[int]:
        return [self.web.process.pid, self.submission.pid]

    def post(self, path: str, body: bytes, key: str | None = None) -> int:
        """By the API; the answer's status."""
        headers = {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json"}
        return self.web.ask("POST", f"/api/v1{path}", body, headers, patience=60)[0]

    def compose(self, files: dict[str, tuple[str, bytes]]) -> int:
        """The form as a person submits it, with these files."""
        fields = {"csrf_token": self._token, "sender": "eve@hostile.example", "subject": "Hi", "text": "Hi"}
        edge = b"----an-edge-of-a-form"
        parts = [
            b'Content-Disposition: form-data; name="%b"\r\n\r\n%b' % (name.encode(), value.encode())
            for name, value in fields.items()
        ]
        parts += [
            b'Content-Disposition: form-data; name="%b"; filename="%b"\r\n\r\n%b'
            % (name.encode(), filename.encode(), data)
            for name, (filename, data) in files.items()
        ]
        body = b"".join(b"--%b\r\n%b\r\n" % (edge, part) for part in parts) + b"--%b--\r\n" % edge
        headers = {"Cookie": self._cookie, "Content-Type": f"multipart/form-data; boundary={edge.decode()}"}
        return self.web.ask("POST", "/mailings", body, headers, patience=60)[0]

    def sign_in(self) -> int:
        """With e-mail address and password, as from a browser that was never here."""
        cookie, token = self.web.form_token("/sign-in")
        form = urllib.parse.urlencode({"email": PERSON, "password": PASSWORD, "csrf_token": token})
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        return self.web.ask("POST", "/sign-in", form.encode(), headers, patience=60)[0]

    def submit(self, address: str) -> None:
        """A mail by SMTP. Raises SMTPException, OSError."""
        with smtplib.SMTP("127.0.0.1", self.submission_port, timeout=60) as client:
            client.login("mailroom", self.innocent_key)
            client.sendmail(PERSON, [address], f"From: {PERSON}\r\nSubject: Hi\r\n\r\nHello\r\n")
