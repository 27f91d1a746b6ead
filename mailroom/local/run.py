"""A local run: everything that is missing is started, watched, and stopped in order."""

from __future__ import annotations

import asyncio
import shlex
import socket
import sys
from pathlib import Path

from mailroom.database.engine import Database
from mailroom.database.fitness import Unfit
from mailroom.ledger import migrate
from mailroom.local import parent_death, readiness, valkey
from mailroom.local.console import Console
from mailroom.local.defaults import Defaults
from mailroom.local.ports import number
from mailroom.local.processes import Process
from mailroom.log import blotter
from mailroom.settings import Settings, SettingsError, without_colours
from mailroom.stop_signals import stop_signals
from mailroom.urls import PROJECT_ROOT

START_PATIENCE = 180.0
"""Seconds that programs of ours may take to be ready, on a machine that has much else to do."""

REDIS_PATIENCE = 60.0
"""Seconds for a Redis that somebody else starts."""

DEATHS_AT_START = 3  # of one process, before anything was ever ready: it will not get better
TELLS_OF_PORT = {"web": ("--bind", "fd://{}"), "submission": ("--fd", "{}")}
"""How a program is lent the port that we listen on: it is ours, also while the program is started again."""

SLOWNESS = 2  # seconds a mail, as in the article that the race is about


class Run:
    """Stages, in the order of starting; they are stopped in the opposite one."""

    def __init__(self, settings: Settings, defaults: Defaults, lock: int, web: socket.socket) -> None:
        self.settings, self.defaults, self._lock = settings, defaults, lock
        self._ports = {"web": web, "submission": defaults.submission}
        self._end = asyncio.Event()
        blot = blotter(settings.secrets)
        self._console = Console(sys.stdout, colours=_colours(), on_gone=self._end.set, blot=blot)
        self._stages: list[list[Process]] = []

    async def until_stopped(self) -> None:
        """Start all, print the link, and stay until a signal; then stop all."""
        self._catch_signals()
        parent_death.adopt_orphans()
        starting = asyncio.create_task(self._start())
        ended = asyncio.create_task(self._end.wait())
        try:
            await asyncio.wait({starting, ended}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()  # raises what went wrong
                await ended
        finally:
            starting.cancel()
            await self._stop()

    async def _start(self) -> None:
        settings = self.settings
        patience = START_PATIENCE if self.defaults.valkey_config else REDIS_PATIENCE
        await self._ready(self._queue() | self._catchers(), patience)
        earlier = await asyncio.to_thread(readiness.worker_names, settings.redis_url)
        await asyncio.to_thread(_migrate, settings.database_url)
        commands = procfile(PROJECT_ROOT / "Procfile")
        self._begin(*(self._with_its_port(name, words) for name, words in commands.items()))
        checks = {
            "web": readiness.web(settings.port),
            "worker": readiness.worker(settings.redis_url, earlier),
        }
        await self._ready({name: check for name, check in checks.items() if name in commands}, START_PATIENCE)
        token = await asyncio.to_thread(_sign_in_token, settings.database_url)
        self._console.say(f"Mailroom is ready: http://127.0.0.1:{settings.port}/sign-in?token={token}")

    def _queue(self) -> dict[str, readiness.Check]:
        if self.defaults.valkey_config:
            command = valkey.command(self.defaults.valkey_config)
            hide = valkey.OVERCOMMIT_ADVICE
            self._begin(Process("valkey", command, self._console, (self._lock,), hide))
            return {"valkey": readiness.redis(self.settings.redis_url)}
        return {"REDIS_URL": readiness.redis(self.settings.redis_url)}

    def _catchers(self) -> dict[str, readiness.Check]:
        catcher, slow = self.defaults.catcher, self.defaults.slow_catcher
        if catcher is None or slow is None:
            return {}
        inbox = str(self.settings.home / "inbox")
        words = [sys.executable, "-m", "mailroom.local.catcher", "--maildir", inbox]
        slowly = [*words, "--delay", str(SLOWNESS)]
        # The ports are ours and only lent: mail that comes while a catcher is started
        # again waits in the backlog, and is not refused.
        self._begin(
            self._process("catcher", [*words, "--fd", str(catcher.fileno())], catcher.fileno()),
            self._process("slow", [*slowly, "--fd", str(slow.fileno())], slow.fileno()),
        )
        return {"catcher": readiness.catcher(number(catcher)), "slow": readiness.catcher(number(slow))}

    def _with_its_port(self, name: str, command: list[str]) -> Process:
        listener = self._ports.get(name)
        if listener is None:
            return self._process(name, command)
        told = [word.format(listener.fileno()) for word in TELLS_OF_PORT[name]]
        return self._process(name, [*command, *told], listener.fileno())

    def _process(self, name: str, command: list[str], *fds: int) -> Process:
        return Process(name, command, self._console, (self._lock, *fds))

    def _begin(self, *stage: Process) -> None:
        self._stages.append(list(stage))
        for process in stage:
            process.start()

    async def _ready(self, checks: dict[str, readiness.Check], patience: float) -> None:
        """Raises SettingsError for what is not ready after `patience` seconds, or never will be."""
        waiting = asyncio.create_task(readiness.all_of(checks, self._remind, patience))
        try:
            while not waiting.done():
                await asyncio.wait({waiting}, timeout=0.2)
                self._give_up_on_a_crash_loop()
            waiting.result()
        except readiness.NeverReady as reason:
            raise SettingsError(str(reason)) from None
        finally:
            waiting.cancel()

    def _remind(self, reasons: dict[str, str]) -> None:
        for name, reason in reasons.items():
            self._console.say(f"still waiting for {name}: {reason}")

    def _give_up_on_a_crash_loop(self) -> None:
        for process in (process for stage in self._stages for process in stage):
            if process.deaths >= DEATHS_AT_START:
                raise SettingsError(f"{process.name} does not start: its lines above say why")

    async def _stop(self) -> None:
        for stage in reversed(self._stages):
            await asyncio.gather(*(process.stop() for process in stage))
        self._console.say("Mailroom has stopped")

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number_ in stop_signals():
            loop.add_signal_handler(number_, self._on_signal)

    def _on_signal(self) -> None:
        if not self._end.is_set():
            self._console.say("stopping (once more: at once)")
            self._end.set()
            return
        for stage in reversed(self._stages):
            for process in stage:
                process.kill()


def procfile(path: Path) -> dict[str, list[str]]:
    """The commands of a Procfile by name, run by this Python whatever PATH says."""
    commands = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, colon, command = line.partition(":")
        if colon and not line.startswith("#"):
            program, *words = shlex.split(command)
            first = [sys.executable] if program == "python" else [sys.executable, "-m", program]
            commands[name.strip()] = [*first, *words]
    return commands


def _migrate(database_url: str) -> None:
    try:
        migrate.upgrade(database_url)
    except Unfit as unfit:
        raise SettingsError(f"DATABASE_URL names a database that cannot be used: {unfit}") from None


def _sign_in_token(database_url: str) -> str:
    from mailroom.ledger.people import users

    database = Database(database_url)
    with database.begin() as connection:
        token = users.owner_link(connection)
    database.dispose()
    return token


def _colours() -> bool:
    return sys.stdout.isatty() and not without_colours()
