"""The article's starting point: a Flask view that sends each mail itself, by Flask-Mail, and then answers."""

from __future__ import annotations

from flask import Flask

from benchmarks.peers import mail

app = Flask(__name__)


@app.post("/send/<int:mails>")
def send(mails: int) -> tuple[dict[str, int], int]:
    for number in range(mails):
        mail.send(number)
    return {"sent": mails}, 200


@app.get("/healthz")
def healthz() -> str:
    return "ok"
