"""The sink's script: which message, at which stage, gets which treatment.

A rule reads `MATCH: ACTION`. MATCH is `any`, or one or more of

    rcpt PATTERN     the recipient (`slow@*`; without an @ the local part: `slow`)
    from PATTERN     the sender
    helo PATTERN     the client's name in EHLO or HELO (`localhost`, `*.example.org`)
    message N        the Nth message (MAIL command) since the start
    every N          every Nth message
    connection N     the Nth connection since the start
    first N          only the first N times that the rest of the rule fits
    chance P         with this probability (0.01)

and ACTION one of

    delay STAGE SECONDS      go on, but later
    reply STAGE CODE TEXT    answer so (below 400: accept)
    greylist N [TEXT]        451 for the first N tries of each recipient
    drop STAGE               hang up instead of answering
    stall STAGE              never answer
    garbage STAGE [TEXT]     answer something that is not SMTP (\\r\\n understood)

at a STAGE: connect, ehlo, starttls, auth, mail, rcpt, data, after-354, dot, after-record,
after-250. A message is recorded between `dot` and `after-record`, so `drop dot` loses it,
`drop after-record` leaves its sender in doubt, and `drop after-250` harms nobody.
All delays that fit add up; of the other actions the first rule that fits wins.
"""

from __future__ import annotations

import fnmatch
import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

SINK_STAGES = (
    "connect",
    "ehlo",
    "starttls",
    "auth",
    "mail",
    "rcpt",
    "data",
    "after-354",
    "dot",
    "after-record",
    "after-250",
)
NUMBERS = ("message", "every", "connection", "first")
GREYLISTED = "4.7.1 Greylisted, try again later"
GARBAGE = "\x00\xff\x1b[31mthis is not SMTP\r\n"


class RuleError(ValueError):
    """A rule that cannot be understood; says which and why."""


@dataclass(slots=True)
class RuleContext:
    """What is known of a message when a stage is reached."""

    connection: int = 0
    message: int = 0
    sender: str | None = None
    recipient: str | None = None
    helo: str = ""


@dataclass(slots=True)
class Rule:
    action: str
    stage: str
    seconds: float = 0.0
    code: int = 0
    text: str = ""
    times: int = 0  # greylist
    rcpt: re.Pattern[str] | None = None
    sender: re.Pattern[str] | None = None
    helo: re.Pattern[str] | None = None
    message: int = 0
    every: int = 0
    connection: int = 0
    first: int = 0
    chance: float = 1.0
    used: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def fits(self, context: RuleContext, dice: random.Random) -> bool:
        """Whether the rule applies; counts its use."""
        if self.rcpt and not (context.recipient and self.rcpt.match(context.recipient)):
            return False
        if self.sender and not (context.sender is not None and self.sender.match(context.sender)):
            return False
        if self.helo and not self.helo.match(context.helo):
            return False
        if self.message and context.message != self.message:
            return False
        if self.every and (not context.message or context.message % self.every):
            return False
        if self.connection and context.connection != self.connection:
            return False
        if self.chance < 1 and dice.random() >= self.chance:
            return False
        if self.first and self.used >= self.first:
            return False
        if self.action == "greylist" and context.recipient:
            self.seen[context.recipient] += 1
            if self.seen[context.recipient] > self.times:
                return False
        self.used += 1
        return True


class Rules:
    """All rules, by stage."""

    def __init__(self, rules: Iterable[str | Rule] = (), seed: int | None = None) -> None:
        self._dice = random.Random(seed)
        self._by_stage: dict[str, list[Rule]] = {}
        for rule in rules:
            parsed = parse_rule(rule) if isinstance(rule, str) else rule
            self._by_stage.setdefault(parsed.stage, []).append(parsed)

    def decide(self, stage: str, context: RuleContext) -> tuple[float, Rule | None]:
        """How long to wait, then what to do instead of the usual."""
        delay, verdict = 0.0, None
        for rule in self._by_stage.get(stage, ()):
            if rule.action == "delay":
                delay += rule.seconds if rule.fits(context, self._dice) else 0.0
            elif verdict is None and rule.fits(context, self._dice):
                verdict = rule
        return delay, verdict


def parse_rule(text: str) -> Rule:
    """The rule that `text` spells; raises RuleError."""
    match, separator, action = text.partition(": ")
    if not separator:
        raise RuleError(f"rule {text!r}: expected MATCH: ACTION, such as 'rcpt slow@*: delay dot 2'")
    try:
        rule = _action(action.strip())
        _match(rule, match.split())
    except (ValueError, IndexError) as error:
        raise RuleError(f"rule {text!r}: {error}") from None
    return rule


def _action(text: str) -> Rule:
    name, _, rest = text.partition(" ")
    if name == "greylist":
        times, _, words = rest.partition(" ")
        return Rule("greylist", "rcpt", code=451, text=words or GREYLISTED, times=int(times))
    if name not in ("delay", "reply", "drop", "stall", "garbage"):
        raise ValueError(f"unknown action {name!r}")
    stage, _, rest = rest.strip().partition(" ")
    if stage not in SINK_STAGES:
        raise ValueError(f"unknown stage {stage!r}; one of {', '.join(SINK_STAGES)}")
    if name == "delay":
        return Rule(name, stage, seconds=float(rest))
    if name == "reply":
        code, _, words = rest.partition(" ")
        if stage == "dot" and int(code) < 400:
            stage = "after-record"  # accepted, in these words
        return Rule(name, stage, code=int(code), text=words)
    if name == "garbage":
        words = rest.replace("\\r", "\r").replace("\\n", "\n")
        return Rule(name, stage, text=words or GARBAGE)
    if rest:
        raise ValueError(f"nothing may follow {name} {stage}")
    return Rule(name, stage)


def _match(rule: Rule, words: list[str]) -> None:
    if words == ["any"]:
        return
    if not words or len(words) % 2:
        raise ValueError("the match is `any`, or pairs such as `rcpt slow@*`")
    for name, value in zip(words[::2], words[1::2], strict=True):
        if name == "rcpt":
            rule.rcpt = _pattern(value)
        elif name == "from":
            rule.sender = _pattern(value)
        elif name == "helo":
            rule.helo = re.compile(fnmatch.translate(value), re.IGNORECASE)
        elif name == "chance":
            rule.chance = float(value)
        elif name in NUMBERS:
            setattr(rule, name, int(value))
        else:
            raise ValueError(f"unknown match {name!r}")


def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(glob if "@" in glob else f"{glob}@*"), re.IGNORECASE)
