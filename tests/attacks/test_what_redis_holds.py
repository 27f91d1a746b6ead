"""Redis, its append-only file and rq-dashboard's descriptions hold nothing about anybody."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from flask import Flask
from redis import Redis

from app import create_app
from mailroom.ledger.people import api_keys
from mailroom.settings import load
from tests.servers import Valkey
from tests.warm_processes import run_python

Csrf = Callable[..., str]
ADDRESS = "198.51.100.77"
TYPED = ["victim@private.example", "hunter2 in the wrong field", "s3cret-password", ADDRESS, "198.51.100"]
MAILED = ["reader@private.example", "A private subject", "A private text", "private-idempotency-key"]


def everything(client: Redis) -> bytes:
    """Every key with what it holds, whatever its type."""
    redis: Any = client  # its types leave open whether it decodes; it does not
    parts: list[bytes] = []
    for name in redis.keys("*"):
        kind = redis.type(name).decode()
        read = {
            "string": redis.get,
            "hash": redis.hgetall,
            "set": redis.smembers,
            "list": lambda key: redis.lrange(key, 0, -1),
            "zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
            "stream": lambda key: redis.xrange(key),
        }[kind]
        parts += [name, repr(read(name)).encode()]
    return b"\n".join(parts)


def hashes(text: str) -> list[str]:
    """What anybody can compute who has a guess."""
    spelled = (text, text.lower(), f"account:{text}", f"address:{text}")
    return [
        hashlib.new(kind, one.encode()).hexdigest() for one in spelled for kind in ("md5", "sha1", "sha256")
    ]


def test_what_is_typed_at_the_sign_in_page_is_not_in_redis_nor_its_file(
    settings_env: dict[str, str], own_valkey: Valkey, csrf: Csrf, tmp_path: Path
) -> None:
    app = create_app(load(settings_env | {"REDIS_URL": own_valkey.url}))
    for typed in TYPED:
        client = app.test_client()
        form = {"email": typed, "password": typed, "csrf_token": csrf(client, "/sign-in")}
        client.post("/sign-in", data=form, environ_overrides={"REMOTE_ADDR": ADDRESS})
    found = everything(own_valkey.client)
    assert b"LIMITER" in found
    kept = b"".join(path.read_bytes() for path in (tmp_path / "valkey").rglob("*.aof"))
    assert b"LIMITER" in kept
    for text in TYPED:
        for trace in (text, text.lower(), *hashes(text)):
            assert trace.encode() not in found and trace.encode() not in kept
    app.extensions["mailroom"].database.dispose()


def test_another_secret_makes_other_names(settings_env: dict[str, str], csrf: Csrf, valkey: Valkey) -> None:
    names: list[set[bytes]] = []
    for secret in ("one secret key", "another secret key"):
        valkey.client.flushall()
        app = create_app(load(settings_env | {"SECRET_KEY": secret}))
        client = app.test_client()
        client.post("/sign-in", data={"email": "ann@example.org", "csrf_token": csrf(client, "/sign-in")})
        names.append(set(cast(list[bytes], valkey.client.keys("*LIMITER*"))))
    assert len(names[0]) == len(names[1]) == 4 and not names[0] & names[1]


def test_mail_on_its_way_is_numbers(app: Flask, settings_env: dict[str, str], valkey: Valkey) -> None:
    """Waiting, and after a worker has sent it."""
    with app.extensions["mailroom"].database.begin() as connection:
        key = api_keys.add(connection, "a private name", scopes=["send", "read"])[0]
    mail = {"from": "me@private.example", "to": MAILED[0], "subject": MAILED[1], "text": MAILED[2]}
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": MAILED[3]}
    assert app.test_client().post("/api/v1/emails", json=mail, headers=headers).status_code == 200
    waiting = everything(valkey.client)
    done = run_python(["worker.py", "--workers", "1", "--burst"], os.environ | settings_env)
    assert done.returncode == 0, done.stderr
    sent = everything(valkey.client)
    assert b"deliver batch" in waiting and b"finished" in sent
    for text in (*MAILED, "me@private.example", "a private name", str(key), str(key)[3:]):
        for place in (waiting, sent, done.stdout.encode(), done.stderr.encode()):
            assert text.encode() not in place
