"""The command: `python -m mailroom.sink`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

from mailroom import files
from mailroom.sink import certificates, rules
from mailroom.sink.options import Options
from mailroom.sink.server import Sink

EXAMPLES = """
examples:
  python -m mailroom.sink --port 2526 --record mails.jsonl --rule 'rcpt slow@*: delay dot 2'
  python -m mailroom.sink --rule 'rcpt nobody: reply rcpt 550 5.1.1 No such user' \\
      --rule 'any: greylist 2' --rule 'every 100: drop after-record'
  python -m mailroom.sink --tls starttls --certificate expired --auth ann:secret
"""


def parser() -> argparse.ArgumentParser:
    about = "A mail server that does as it is told and records every message at its final dot."
    script = (rules.__doc__ or "").partition("\n\n")[2]
    make = argparse.ArgumentParser(
        prog="python -m mailroom.sink",
        description=about,
        epilog=f"{script}{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    make.add_argument("--host", default="127.0.0.1")
    make.add_argument("--port", type=int, default=2526, help="0: a free one, printed (default: 2526)")
    make.add_argument("--record", type=Path, metavar="FILE", help="one JSON line for every message, at once")
    make.add_argument("--keep", action="store_true", help="whole messages in the record too")
    make.add_argument(
        "--rule", action="append", default=[], metavar="RULE", help="see below; may be repeated"
    )
    make.add_argument(
        "--rules", type=Path, metavar="FILE", help="a JSON array of rules, read again on SIGHUP"
    )
    kinds = ("on", "off", "flushes", "forgets", "hangs-up", "scrambles")
    make.add_argument("--pipelining", choices=kinds, default="on", help="the last four are lies")
    make.add_argument("--no-ehlo", dest="ehlo", action="store_false", help="know only HELO")
    make.add_argument("--tls", choices=("none", "starttls", "implicit"), default="none")
    bad = "a PEM file, or one of good, self-signed, wrong-host, expired (made by openssl; default: good)"
    make.add_argument("--certificate", default="good", help=bad)
    make.add_argument("--auth", metavar="USER:PASSWORD", help="demand this login")
    make.add_argument("--size", type=int, default=0, help="the largest message, in bytes")
    make.add_argument("--max-messages", type=int, default=0, help="in one session, then 421")
    make.add_argument("--max-connections", type=int, default=0, help="at a time, the others get 421")
    make.add_argument("--seed", type=int, help="of the dice behind `chance`")
    return make


def all_rules(arguments: argparse.Namespace) -> list[str]:
    from_file = json.loads(arguments.rules.read_text(encoding="utf-8")) if arguments.rules else []
    return [*arguments.rule, *from_file]


def certificate(arguments: argparse.Namespace) -> Path | None:
    if arguments.tls == "none":
        return None
    if arguments.certificate in ("good", "self-signed", "wrong-host", "expired"):
        return certificates.make_certificate(Path(tempfile.mkdtemp()), arguments.certificate)
    return Path(arguments.certificate)


async def serve(arguments: argparse.Namespace) -> None:
    names = ("host", "port", "record", "keep", "pipelining", "tls", "auth", "ehlo", "size")
    limits = ("max_messages", "max_connections", "seed")
    chosen = {name: getattr(arguments, name) for name in (*names, *limits)}
    options = Options(**chosen, certificate=certificate(arguments), remember=False)
    sink = Sink(all_rules(arguments), options)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: sink.set_rules(all_rules(arguments)))
    await sink.start()
    print(f"The sink is listening on {options.host}:{sink.port}", flush=True)
    if options.certificate:
        print(f"Its certificate: {options.certificate}", flush=True)
    await stopped.wait()
    await sink.stop()
    print(f"{sink.record.count} messages recorded", flush=True)


def main() -> None:
    arguments = parser().parse_args()
    files.keep_private()
    try:
        asyncio.run(serve(arguments))
    except (OSError, ValueError) as error:
        sys.exit(f"sink: {error}")


if __name__ == "__main__":
    main()
