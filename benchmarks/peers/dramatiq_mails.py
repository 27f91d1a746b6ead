"""Dramatiq, a mail a message: its defaults, which its user guide calls right for most."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers import mail

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))


@dramatiq.actor
def send(number: int) -> None:
    mail.send(number)


def enqueue(number: int) -> None:
    send.send(number)
