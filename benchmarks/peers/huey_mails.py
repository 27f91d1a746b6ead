"""Huey, a mail a task: blocking pops (its default with Redis), results not kept."""

from __future__ import annotations

import os

from huey import RedisHuey

from benchmarks.peers import mail

huey = RedisHuey("mails", url=os.environ["REDIS_URL"], results=False)


@huey.task()
def send(number: int) -> None:
    mail.send(number)


def enqueue(number: int) -> None:
    send(number)
