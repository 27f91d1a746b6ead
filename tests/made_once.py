"""What each of a process's applications and databases would make anew, and what is the same for all of them.

Tests make thousands of both, and most of a cheap test's work went there. `with statements(), ...:`
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import CodeType
from typing import Any
from weakref import WeakKeyDictionary

import pytest
import redis.utils
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from redis.driver_info import DriverInfo
from sqlalchemy import Engine, create_engine
from sqlalchemy.util import LRUCache
from werkzeug.routing import Map, Rule

from mailroom.database import engine

STATEMENTS_KEPT = 1500
"""By SQLAlchemy, for each kind of database: tests run some that nobody else does."""


class _Composed(LRUCache[Any, Any]):
    """For all dialects of one kind: a database's own differs from another's in nothing that is composed."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key[1:], value)


@contextmanager
def statements() -> Iterator[None]:
    """SQLAlchemy's, and how its types convert values: as mailroom.database.statement does with its own."""
    composed = dict[str, _Composed]()
    types = dict[str, WeakKeyDictionary[Any, Any]]()

    def create(*given: Any, **options: Any) -> Engine:
        made = create_engine(*given, **options)
        kind = made.dialect.name
        made._compiled_cache = composed.setdefault(kind, _Composed(STATEMENTS_KEPT))
        made.dialect._type_memos = types.setdefault(kind, WeakKeyDictionary())
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "create_engine", create)
        yield


@contextmanager
def routes() -> Iterator[None]:
    """To compile them is most of the work of making an application."""
    compile_rule, made = Rule.compile, dict[object, tuple[Any, ...]]()

    def once(rule: Rule) -> None:
        places: Map | None = rule.map
        assert places is not None
        domain = rule.host if places.host_matching else rule.subdomain
        # All that it is compiled of.
        key = (rule.rule, domain, rule.merge_slashes, str(rule.defaults), *places.converters.items())
        if key not in made:
            compile_rule(rule)
            builders = rule._build.__func__, rule._build_unknown.__func__  # type: ignore[attr-defined]
            made[key] = (rule._parts, rule._trace, rule._converters, frozenset(rule.arguments), *builders)
            return
        rule._parts, rule._trace, rule._converters, arguments, build, build_unknown = made[key]
        rule.arguments |= arguments
        rule._build, rule._build_unknown = build.__get__(rule), build_unknown.__get__(rule)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "compile", once)
        yield


class _Templates(BytecodeCache):
    """Those that another application has compiled already."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[str, CodeType | None]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        checksum, code = self._of.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._of[bucket.key] = bucket.checksum, bucket.code


@contextmanager
def templates() -> Iterator[None]:
    """To compile them is a third of the work of a test of a page."""
    shared = partial(Flask.jinja_environment, bytecode_cache=_Templates())
    with pytest.MonkeyPatch.context() as patch:
        # From Python 3.14 on, a partial in a class is a method.
        patch.setattr(Flask, "jinja_environment", staticmethod(shared))
        yield


@contextmanager
def redis_version() -> Iterator[None]:
    """Of the client: it reads it from its package's files for each connection."""
    version = DriverInfo().lib_version
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis.utils, "get_lib_version", lambda: version)
        yield
