"""A real Dovecot for tests, with a mailbox that IMAP reads and LMTP fills: Debian's package."""

from __future__ import annotations

import base64
import grp
import hmac
import json
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.ports import own_port
from tests.servers import wait_until

NO_DOVECOT = "Dovecot is missing; on Debian and Ubuntu: apt-get install dovecot-imapd dovecot-lmtpd"
USER, PASSWORD = "bounces@acme.example", "open-sesame"

TOKEN_KEY = b"k" * 32

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain xoauth2 oauthbearer
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
mail_uid = {user}
mail_gid = {group}
passdb {{
  driver = static
  mechanisms = plain
  args = password={password}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u allow_all_users=yes
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service stats {{
  chroot =
}}
recipient_delimiter = +
auth_verbose = yes
"""


def is_installed() -> bool:
    return _program() is not None


def _program() -> str | None:
    return shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin")


class Dovecot:
    """Its processes are this one's children, and nobody's who is somebody on this machine."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailroom-dovecot-", dir="/tmp"))
        self.imap, self.lmtp = own_port(), own_port()
        owner = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self._owner = owner.pw_name if os.getuid() == 0 else None
        self._group = owner.pw_gid if self._owner else None
        for name in ("run", "state", "mail"):
            (self.folder / name).mkdir()
        values = {
            "folder": self.folder,
            "user": owner.pw_name,
            "group": _group(owner.pw_gid),
            "password": PASSWORD,
            "imap": self.imap,
            "lmtp": self.lmtp,
        }
        (self.folder / "dovecot.conf").write_text(CONFIG.format(**values))
        (self.folder / "oauth2.conf").write_text(
            f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={self.folder}/keys/\n"
            "username_attribute = sub\n"
        )
        key = self.folder / "keys" / "default" / "HS256" / "default"
        key.parent.mkdir(parents=True)
        key.write_text(base64.b64encode(TOKEN_KEY).decode())
        (self.folder / "log").touch()
        if self._owner:
            for path in (self.folder, *self.folder.rglob("*")):
                shutil.chown(path, owner.pw_uid, owner.pw_gid)
        self.start()

    @property
    def url(self) -> str:
        return f"imap://{USER}@127.0.0.1:{self.imap}/INBOX"

    def start(self) -> None:
        command = _program()
        assert command is not None, NO_DOVECOT
        self.process = subprocess.Popen(
            [command, "-F", "-c", str(self.folder / "dovecot.conf")],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("ab"),
            cwd=self.folder,
            user=self._owner,
            group=self._group,
            extra_groups=[] if self._owner else None,
            start_new_session=True,
        )
        wait_until(self._answers, 10, "Dovecot")

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def deliver(self, *octets: bytes, to: str = USER) -> None:
        """By LMTP, as a mail server does."""
        with smtplib.LMTP("127.0.0.1", self.lmtp, timeout=10) as client:
            for one in octets:
                assert client.sendmail("", [to], one) == {}

    def token(self, user: str = USER, seconds: int = 600) -> str:
        """An OAuth2 access token (JWT, RFC 7519) that it takes."""
        now = int(time.time())
        parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": user, "iat": now - 60, "exp": now + seconds}]
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{_base64url(hmac.digest(TOKEN_KEY, signed.encode(), 'sha256'))}"

    def pause(self) -> None:
        """Hang: connections are accepted, nothing is answered."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)
        self.process.terminate()
        self.process.wait(10)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log()
        try:
            with socket.create_connection(("127.0.0.1", self.imap), 1) as one:
                one.settimeout(2)
                return one.recv(4) == b"* OK"
        except OSError:
            return False


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _group(gid: int) -> str:
    return grp.getgrgid(gid).gr_name
