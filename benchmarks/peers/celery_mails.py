"""Celery, a mail a task.

As its "Optimizing" and "Redis" pages advise for many short tasks: results ignored, a high
prefetch multiplier, no gossip, mingling or events (see the command in peers/__init__.py).
"""

from __future__ import annotations

import os

from celery import Celery

from benchmarks.peers import mail

app = Celery("mails", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=64,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


@app.task
def send(number: int) -> None:
    mail.send(number)


def enqueue(number: int) -> None:
    send.apply_async((number,))
