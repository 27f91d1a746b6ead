"""The same small Flask view for every peer: POST /send enqueues one mail, and answers.

gunicorn 'benchmarks.peers.view:app', with PEER=celery_mails.
"""

from __future__ import annotations

import importlib
import os
from itertools import count

from flask import Flask

app = Flask(__name__)
peer = importlib.import_module(f"benchmarks.peers.{os.environ['PEER']}")
numbers = count()


@app.post("/send")
def send() -> tuple[dict[str, int], int]:
    number = next(numbers)
    peer.enqueue(number)
    return {"number": number}, 202


@app.get("/healthz")
def healthz() -> str:
    return "ok"
