"""A real Postfix for tests: a queue and a configuration of its own, on loopback. Only root can start it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.ports import own_port
from tests.servers import wait_until

NO_POSTFIX = "Postfix is missing, or this is not root; on Debian and Ubuntu: apt-get install postfix"

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.acme.example
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
recipient_delimiter = +
default_transport = smtp:[127.0.0.1]:{onward}
transport_maps = inline:{{ {bounces_domain}={bounces} }}
smtp_tls_security_level = none
smtp_connection_cache_on_demand = no
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 3s
delay_warning_time = 1s
notify_classes =
smtpd_client_connection_count_limit = 0
default_process_limit = 20
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def is_installed() -> bool:
    return os.geteuid() == 0 and _program() is not None


def _program() -> str | None:
    return shutil.which("postfix", path=f"{os.environ['PATH']}:/usr/sbin")


class Postfix:
    """A relay: mail to `bounces_domain` goes by the transport `bounces`, all else to the port `onward`."""

    def __init__(
        self, onward: int, bounces_domain: str = "nowhere.example", bounces: str = "discard:"
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailroom-postfix-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.port = own_port()
        for name, owner in (("etc", "root"), ("queue", "root"), ("data", "postfix")):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, owner)
        values = {"folder": self.folder, "onward": onward, "bounces": bounces, "port": self.port}
        values["bounces_domain"] = bounces_domain
        (self.folder / "etc" / "main.cf").write_text(MAIN.format(**values))
        (self.folder / "etc" / "master.cf").write_text(MASTER.format(**values))
        self._run("start")
        wait_until(lambda: not self._run("status", may_fail=True), 10, "Postfix")

    def __enter__(self) -> Postfix:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def log_file(self) -> Path:
        return self.folder / "log"

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def is_empty(self) -> bool:
        """Whether nothing is in its queue."""
        folders = ("maildrop", "incoming", "active", "deferred")
        return not any(
            path.is_file() for name in folders for path in (self.folder / "queue" / name).rglob("*")
        )

    def remove(self) -> None:
        self._run("abort", may_fail=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command: str, *, may_fail: bool = False) -> int:
        program = _program()
        assert program is not None, NO_POSTFIX
        done = subprocess.run(
            [program, "-c", str(self.folder / "etc"), command], capture_output=True, timeout=30, check=False
        )
        assert may_fail or done.returncode == 0, done.stderr.decode() + self.log()
        return done.returncode
