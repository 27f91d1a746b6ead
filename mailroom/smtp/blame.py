"""Blame: whether a refusal is about its recipient, its message, its sender, or about us. Pure words.

Relays answer "you have used up your quota", "who are you?" and "no such user" with the same 5xx at
the same stages, so the stage, the enhanced code and the words of common servers and providers decide
together. What none of them tells is UNCLEAR, and known only beside what others are answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

from mailroom.smtp.failure import Stage
from mailroom.smtp.reply import Reply


class Blame(Enum):
    RECIPIENT = auto()  # this address, or this message: nobody else's mail is concerned
    SENDER = auto()  # the address that it is from: all mail from there
    QUOTA = auto()  # we have sent enough: it passes with time
    US = auto()  # our account, address, greeting, rights: all mail
    UNCLEAR = auto()


# Enhanced codes (RFC 3463 and the registry; those of three digits are Microsoft's).
OF_A_RECIPIENT = re.compile(r"[45]\.(?:1\.(?:[1-46]|10)|2\.[1-4]|3\.4|6\.\d+|7\.(?:1[23]\d|505|507|513))\b")
OF_A_SENDER = re.compile(r"[45]\.(?:1\.[78]|7\.(?:2\d|3\d|60|509|515))\b")
OF_A_QUOTA = re.compile(r"[45]\.(?:4\.5|7\.705)\b")
OF_US = re.compile(r"[45]\.7\.(?:8|9|1[14]|25|57|64|70[28]|750|139|50[12368]|51[01]|60[6-9]|6[1-4]\d)\b")


def _any(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words))


BY_THE_RECIPIENT = _any(r"resolver\.rst", r"\b(?:by|of) (?:the |this )?recipient(?:'s)?\b")
OF_A_MESSAGE = _any(
    r"(?:message|mail|size|data).{0,30}too (?:large|big|long)",
    r"(?:message|file|fixed|maximum)[\w ]{0,20} size|size limit|line (?:too long|length)",
    r"malformed|hop ?count|too many hops|mail loop|\bvirus|\bmalware|attachment|blocked content|rfc ?5322",
)
OF_A_MAILBOX = _any(
    r"mail ?box|in-?box|over ?quota|\bstorage\b|\bdisk\b|receiving (?:mail|limit|quota|too)|too quickly",
    r"(?:recipient|user)(?:'?s)? (?:quota|is over|has exceeded|exceeded (?:its|their|the) quota)",
)
OURS_TO_SEND = _any(r"\bsen[dt]|sending|submission|outgoing|outbound|\bper (?:hour|day|month)\b")
QUOTA = _any(
    r"submission ?quota ?exceeded",
    r"\b(?:daily|hourly|weekly|monthly|24.?hour)\b.{0,50}(?:limit|quota|allowance|maximum|exceed)",
    r"(?:limit|quota|allowance|threshold|max(?:imum)?|credits?)\b.{0,40}\b(?:exceeded|reached|used up|hit)\b",
    r"(?:exceed(?:s|ed|ing)?|reached|hit|over)\b.{0,50}"
    r"\b(?:limit|quota|allowance|threshold|max|maximum|sending rate)\b",
    r"too many (?:e-?mail|message|mail|recipient)s?.{0,50}"
    r"\b(?:sent|today|per|last|hour|day|minutes?|24)\b",
    r"(?:insufficient|out of|no|no more|not enough) (?:e-?mail )?credits",
)
GREETING = _any(r"\bhelo\b|\behlo\b|fully.?qualified host")
RELAYING = _any(
    r"relay(?:ing)?\b.{0,40}(?:den|not |prohibit|refus|reject|disallow|restrict|forbid|unauthori)",
    r"(?:unable|not permitted|not allowed|cannot|can't|don't|do not|not authori[sz]ed|no permission"
    r"|refus\w+|credentials|unauthori[sz]ed)\b.{0,20}\brelay|rcpthosts",
)
CLIENT = _any(
    r"client host|\b(?:your|this|sending|source|client)(?: \w+)? (?:ip|host|network|mail ?server)\b",
    r"\bip\b.{0,60}(?:block|ban|list|reputation|denied|reject|not authori|unauthori|not allowed|\bptr\b)",
    r"(?:unauthori[sz]ed|banned|blocked) (?:sending )?ip|block(?:ed|ing)? using|(?:black|block|deny)-?list",
    r"spamhaus|\brbl\b|dnsbl|spamcop|barracudacentral|reverse dns|\brdns\b|\bptr\b",
    r"unsolicited mail originating from|bad outbound|unauthenticated sender|spam abuse detected",
)
LOGIN = _any(
    r"auth(?:entication|enticate|orization)?(?: is|:)? (?:required|failed|unsuccessful|needed|disabled)",
    r"must (?:be )?(?:authenticate|log|issue)|not (?:been )?(?:authenticated|logged in)|unauthenticated",
    r"authenticate (?:first|before)|invalid credentials|log ?in (?:first|required)|starttls",
)
ACCOUNT = _any(
    r"\b(?:your|sender(?:'s)?|sending|smtp|hosting|our|this) (?:\w+ )?"
    r"(?:account|plan|subscription|service)\b",
    r"\b(?:sending|outbound|outgoing|submission)\b.{0,40}"
    r"(?:suspend|paus|disab|block|lock|stop|restrict|prohibit|denied)",
    r"\btenant\b|sandbox|free accounts|activate your|unregistered domain|not authori[sz]ed to perform",
    r"banned sender|trial account|configuration set|not (?:allowed|permitted) to send\b(?! as)",
)
SENDER = _any(
    r"sender(?:'?s)?(?: (?:address|domain|identity|signature|e-?mail|name))?\b.{0,50}"
    r"(?:reject|denied|refus|not |unverif|invalid|block|unknown|verif|mismatch|disallow|fail)",
    r"(?:invalid|unknown|bad|unverified|unauthori[sz]ed|verify) (?:the )?(?:sender|(?:mail )?from)\b",
    r"\bfrom\b.{0,12}(?:address|domain|header|field)\b.{0,60}"
    r"(?:not|invalid|match|verif|reject|denied|signature)",
    r"mail from\b.{0,40}(?:reject|invalid|not |denied|refus)|not owned by|send(?:ing)? (?:as|on behalf)",
    r"(?:address|domain|identity|identities)(?: \w+){0,3} (?:is |are )?(?:not (?:been )?verified|unverified)",
    r"sendasdenied|not a verified|failed the check|return.?path|\bspf\b|\bdkim\b|\bdmarc\b",
)
RECIPIENT = _any(
    r"(?:user|mailbox|recipient|address|person|account|addressee)(?: \w+){0,3} (?:unknown|not found|rejected"
    r"|invalid|unavailable|disabled|inactive|expired|(?:does|do)(?: not|n't) exist|not exist|suppress)",
    r"(?:no such|unknown|invalid|not a valid|inactive|non-?existent)(?: \w+){0,2} "
    r"(?:user|mailbox|recipient|address|person|account|addressee)",
    r"undeliverable|suppression list|recipient address|mailbox (?:is )?full",
)

TOO_MANY_IN_SESSION = re.compile(
    r"(?=.*\b(?:too many|limit|max|exceed))(?=.*\b(?:message|mail|e-?mail|transaction)s?\b)"
    r".*\b(?:this|one|per|each|single|an?|the) (?:smtp )?(?:connection|session)\b",
    re.IGNORECASE | re.DOTALL,
)

QUOTA_HOUR, QUOTA_DAY, QUOTA_MONTH = timedelta(hours=1), timedelta(days=1), timedelta(days=30)
PERIODS = {
    QUOTA_DAY: _any(r"daily|\bper day\b|\b24.?h|\btoday\b|\btomorrow\b|a day\b|/day\b"),
    QUOTA_HOUR: _any(r"hourly|\bper hour\b|\b(?:an|one|last|this|next) hour\b|\b60 min|/hour\b"),
    QUOTA_MONTH: _any(r"monthly|\bper month\b|credits|billing|a month\b|/month\b"),
}

MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?) ?(z|utc|gmt|[+-]\d\d:?\d\d)?\b"
    r"|\b(\d\d:\d\d(?::\d\d)?) ?(z|utc|gmt)\b",
    re.IGNORECASE,
)

_BRACKETED = re.compile(r"(?:<[^<>@]*+@[^<>]*+>)*+")
_ADDRESSED = re.compile(r".@.")
_LINK = re.compile("https?://(?=.)")

# Possessive, and looked for where a word begins: a reply of one long word takes no minute.
PARTICULARS = re.compile(r"(?<!\S)(?=\S*[\d@])\S++|(?<![\w-])[\w-]++(?:\.[\w-]++)++|<[^<>]*+>")


def blamed(stage: Stage, reply: Reply, names: Iterable[str] = ()) -> Blame:
    """Whom a refusal at `stage` is about. `names`: the addresses that the reply may quote."""
    text, code = words_of(reply, names), reply.enhanced or ""
    knows_recipient = stage != "mail"

    def says(*kinds: re.Pattern[str]) -> bool:
        return any(words.search(text) for words in kinds)

    if knows_recipient and OF_A_RECIPIENT.match(code) and not _is_submission(text):
        return Blame.RECIPIENT
    if says(OF_A_MESSAGE) or code[1:] == ".3.4" or (knows_recipient and says(BY_THE_RECIPIENT)):
        return Blame.RECIPIENT
    is_of_a_mailbox = knows_recipient and _is_of_a_mailbox(reply.code, text)
    if is_about_session(reply):
        return Blame.UNCLEAR
    if OF_A_QUOTA.match(code) or (says(QUOTA) and not is_of_a_mailbox):
        return Blame.QUOTA
    if OF_US.match(code) or says(GREETING, RELAYING, CLIENT):
        return Blame.US
    if OF_A_SENDER.match(code) or says(SENDER):
        return Blame.SENDER
    if says(ACCOUNT):
        return Blame.US
    if is_of_a_mailbox or (knows_recipient and says(OF_A_MAILBOX)):
        return Blame.RECIPIENT
    if says(LOGIN) or (not knows_recipient and reply.is_permanent):
        return Blame.US
    return Blame.RECIPIENT if says(RECIPIENT) else Blame.UNCLEAR


def is_about_session(reply: Reply) -> bool:
    """Whether it takes no more in this session, and would in another."""
    return reply.is_temporary and TOO_MANY_IN_SESSION.match(reply.text) is not None


def quota_period(reply: Reply) -> timedelta | None:
    """In what time a quota that was used up comes anew, as far as its words tell."""
    text = reply.text.lower()
    for period, words in PERIODS.items():
        if words.search(text):
            return period
    return QUOTA_DAY if OF_A_QUOTA.match(reply.enhanced or "") else None


def told_moment(reply: Reply, now: datetime) -> timedelta | None:
    """How long it is to the time of day, or the date, that a reply names; two days at most."""
    found = MOMENT.search(reply.text)
    if found is None:
        return None
    day, clock, zone = found[1] or f"{now:%Y-%m-%d}", found[2] or found[4], found[3] or found[5] or "Z"
    try:
        moment = datetime.fromisoformat(
            f"{day}T{clock}{zone.upper().replace('UTC', 'Z').replace('GMT', 'Z')}"
        )
    except ValueError:
        return None
    if found[1] is None and moment <= now:
        moment += QUOTA_DAY
    return moment - now if timedelta() < moment - now <= 2 * QUOTA_DAY else None


def quota_pause(reply: Reply, now: datetime, *, is_again: bool) -> timedelta | None:
    """How long to leave a server alone whose quota is used up; None: it does not say what kind it is.

    A day's: until tomorrow begins, by UTC; and when that was too soon (`is_again`), as where the last 24
    hours count, it is tried once an hour. An hour's: until the next one. A month's: tried once an hour.
    """
    period = quota_period(reply)
    if period is None:
        return None
    if period == QUOTA_DAY and not is_again:
        return now.replace(hour=0, minute=0, second=0, microsecond=0) + QUOTA_DAY - now
    return (
        QUOTA_HOUR
        if period > QUOTA_HOUR
        else now.replace(minute=0, second=0, microsecond=0) + QUOTA_HOUR - now
    )


def _is_submission(text: str) -> bool:
    """Microsoft says 5.2.x of what we submit, too."""
    return "submission" in text and bool(QUOTA.search(text))


def _is_of_a_mailbox(code: int, text: str) -> bool:
    """552 and 452 are "exceeded storage allocation" of RFC 5321."""
    is_full = (code in (452, 552) and QUOTA.search(text)) or OF_A_MAILBOX.search(text)
    return bool(is_full) and not OURS_TO_SEND.search(text)


def words_of(reply: Reply, names: Iterable[str]) -> str:
    """Its words without what a stranger may have chosen: addresses, and links."""
    text = reply.text.lower()
    for name in filter(None, names):  # one that is not known stands between any two letters
        text = text.replace(name.lower(), " ")
    return " ".join(filter(None, map(_servers_own, text.split())))


def _servers_own(word: str) -> str:
    """What the server itself says of a word."""
    found = _BRACKETED.match(word)
    rest = word[found.end() :] if found else word
    return "" if _ADDRESSED.search(rest) else _LINK.split(rest, maxsplit=1)[0]


def gist(reply: Reply, names: Sequence[str] = ()) -> str:
    """The same for replies that differ in names, numbers and addresses only."""
    text = words_of(reply, names)
    for name in filter(None, names):
        text = re.sub(rf"\b{re.escape(name.rpartition('@')[0].lower())}\b", " ", text)
    return f"{reply.code} {reply.enhanced or ''} {' '.join(PARTICULARS.sub(' ', text).split())}"
