"""A whole Mailroom to be measured: ledger, Valkey, web and worker processes, set up as in production."""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import func, select

from benchmarks import letter
from benchmarks.client import Client
from benchmarks.processes import Group
from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Accepted, Submission
from mailroom.ledger.migrate import upgrade
from mailroom.ledger.people import api_keys, users
from mailroom.ledger.schema import mailings
from mailroom.local.ports import LOOPBACK_HOST, free_port
from mailroom.queue import Queue
from tests.servers import Valkey, wait_until


class System:
    """`with System(sink.port) as system:`; web and workers are started when asked for."""

    def __init__(self, mail_port: int, database_url: str | None = None, **environment: str) -> None:
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="mailroom-bench-")))
        self.database_url = database_url or f"sqlite:///{self.folder / 'ledger.db'}"
        self.valkey = Valkey(self.folder / "valkey", append_only=True)
        self.port = free_port()
        self.environment = {
            "SECRET_KEY": "a secret for benchmarks only",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.valkey.url,
            "MAIL_SERVER": LOOPBACK_HOST,
            "MAIL_PORT": str(mail_port),
            "MAILROOM_HOME": str(self.folder),
            "PORT": str(self.port),
            "GUNICORN_CMD_ARGS": f"--bind {LOOPBACK_HOST}:{self.port}",
            **environment,
        }

    def __enter__(self) -> System:
        upgrade(self.database_url)
        self.valkey.start()
        self._stack.callback(self.valkey.kill)
        self.database, self.queue = Database(self.database_url), Queue(self.valkey.url)
        self._stack.callback(self.database.dispose)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start_web(self) -> Group:
        """gunicorn as deploy/gunicorn.conf.py sets it up; returns when it answers."""
        web = self._start("gunicorn", "-c", "deploy/gunicorn.conf.py", "app:create_app()")
        wait_until(lambda: Client(self.port).answers("/healthz"), 30, "the web processes")
        return web

    def start_workers(self, number: int = 2) -> Group:
        """Returns when all of them listen."""
        workers = self._start("worker", "--workers", str(number))
        wait_until(lambda: len(self.queue.workers()) == number, 30, "the workers")
        return workers

    def _start(self, module: str, *words: str) -> Group:
        log = self._stack.enter_context((self.folder / f"{module}.log").open("ab"))
        group = Group([sys.executable, "-m", module, *words], self.environment, log)
        self._stack.callback(group.end)
        return group

    def log(self, module: str) -> str:
        return (self.folder / f"{module}.log").read_text()

    # What people do

    def browser(self) -> Browser:
        """Somebody who is signed in."""
        with self.database.begin() as connection:
            user = users.by_email(connection, "ann@mailroom.example") or users.add(
                connection, "ann@mailroom.example", None
            )
            link = f"/sign-in?token={users.make_link(connection, user.id)}"
        return Browser(self.port, link)

    def api_key(self) -> str:
        with self.database.begin() as connection:
            return api_keys.add(connection, "bench", scopes=["send"], rate="1000000/second")[0]

    def accept(self, mails: int) -> Accepted:
        """The letter to so many people, as `flask send` accepts it: in this process."""
        content = Content(
            Address(letter.SENDER),
            letter.tagged(letter.SUBJECT),
            text=letter.tagged(letter.TEXT),
            html=letter.tagged(letter.HTML),
        )
        people = [Recipient(letter.address(n), variables=letter.values(n)) for n in range(mails)]
        return accept(self.database, self.queue, Submission(content, people, columns=letter.COLUMNS))

    def newest(self) -> int:
        """The mailing that was accepted last."""
        with self.database.read() as connection:
            return int(connection.execute(select(func.max(mailings.c.id))).scalar_one())

    def wait_until_over(
        self, mailing_id: int, seconds: float = 180, *, is_near: Callable[[], bool] = lambda: False
    ) -> None:
        """Returns when every outcome is in the ledger. Asks seldom and for one column, not to take part in
        the run; often once `is_near`, for what it waits too long is measured as well.
        """
        ended_at = select(mailings.c.ended_at).where(mailings.c.id == mailing_id)
        deadline = time.monotonic() + seconds
        while True:
            with self.database.read() as connection:
                if connection.execute(ended_at).scalar_one() is not None:
                    return
            if time.monotonic() > deadline:
                said = self.log("worker")[-2000:]
                raise TimeoutError(f"not over in {seconds:g} s; the workers said:\n{said}")
            time.sleep(0.001 if is_near() else 0.02)


class Browser:
    """A browser with its cookie and its form's token."""

    def __init__(self, port: int, link: str) -> None:
        self._client = Client(port)
        self._client.get(link)
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/"))
        assert found, "no form for a browser that is signed in"
        self._csrf = found[1]

    def get(self, path: str) -> str:
        status, body = self._client.get(path, Cookie=self._client.cookie)
        assert status == 200, f"{path}: {status}"
        return body.decode()

    def send(self, recipients: Iterable[str], **fields: str) -> float:
        """Submits a mailing by the form's own fields; seconds until the 303."""
        form = {
            "sender": letter.SENDER,
            "recipients": "\n".join(recipients),
            "subject": letter.SUBJECT.format(first_name="all"),
            "text": letter.TEXT.format(first_name="all", city="town"),
            "csrf_token": self._csrf,
            **fields,
        }
        kind = "application/x-www-form-urlencoded"
        return self._post(urlencode(form).encode(), kind)

    def upload(self, csv: bytes) -> float:
        """The same with a CSV file, personalised; seconds until the 303."""
        fields = {
            "sender": letter.SENDER,
            "subject": letter.tagged(letter.SUBJECT),
            "text": letter.tagged(letter.TEXT),
            "csrf_token": self._csrf,
        }
        return self._post_form(fields, "recipients_file", "people.csv", "text/csv", csv)

    def attach(self, file: bytes, recipients: Iterable[str]) -> float:
        """A letter with a file; seconds until the 303."""
        fields = {
            "sender": letter.SENDER,
            "subject": "A file",
            "text": "Here it is.",
            "recipients": "\n".join(recipients),
            "csrf_token": self._csrf,
        }
        return self._post_form(fields, "attachments", "file.bin", "application/octet-stream", file)

    def _post_form(self, fields: dict[str, str], name: str, filename: str, kind: str, file: bytes) -> float:
        boundary = "benchmark-boundary"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
            for field, value in fields.items()
        ]
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; '
            f'filename="{filename}"\r\nContent-Type: {kind}\r\n\r\n'
        )
        body = b"".join([*parts, head.encode(), file, f"\r\n--{boundary}--\r\n".encode()])
        return self._post(body, f"multipart/form-data; boundary={boundary}")

    def _post(self, body: bytes, kind: str) -> float:
        began = time.perf_counter()
        status, answer = self._client.post(
            "/mailings", body, **{"Content-Type": kind, "Cookie": self._client.cookie}
        )
        seconds = time.perf_counter() - began
        assert status == 303, f"{status}: {_problems(answer.decode())}"
        return seconds


def _problems(page: str) -> str:
    """What a refused form's page says at its fields."""
    found = re.findall(r'class="wrong"[^>]*>(.*?)</p>', page, re.DOTALL)
    return "; ".join(re.sub(r"<[^>]+>|\s+", " ", words).strip() for words in found) or page[-2000:]
