"""Phrases of servers, in the languages that come back most: a failure, a delay, an automatic reply."""

from __future__ import annotations

import re


def phrases(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE | re.MULTILINE)


SAYS_FAILED = phrases(
    r"undeliver(?:able|ed)|returned (?:mail|to sender)|return to sender|fail(?:ure|ed)\b|\bbounced?\b",
    r"delivery[^.\n]{0,20}(?:error|problem|abort|unsuccess)|non[- ]?delivery|not (?:be )?delivered|rejected",
    r"(?:could|can|was|were|been|has|did|is)(?: ?n[o']t|not)[^.\n]{0,30}(?:deliver|reach|sent|send)",
    r"unable to (?:deliver|send|relay)|(?:wasn|couldn|hasn)[’']t[^.\n]{0,30}(?:deliver|reach|sent)",
    r"unzustell|nicht (?:zugestellt|zustellbar|ausgeliefert|übermittelt)|zustellung[^.\n]{0,40}fehl",
    r"n[’']a(?:[^.\n]{0,20})pu[^.\n]{0,30}(?:remis|distribué|délivré|envoyé)|non (?:remis|distribué)|échec",
    r"impossible de (?:remettre|distribuer|livrer)|n[’']a pas été (?:remis|distribué|délivré)",
    r"no (?:se )?(?:ha )?(?:podido|pudo)[^.\n]{0,30}(?:entreg|envi)|no entregad|imposible entregar",
    r"non (?:è stato|consegnat|recapitat)|mancat[ao] (?:consegna|recapito)|impossibile (?:conseg|recapit)",
    r"não (?:foi|pôde)[^.\n]{0,30}entreg|não entregue|onbestelbaar|niet (?:worden )?(?:afgeleverd|bezorgd)",
    r"nie (?:został|można)[^.\n]{0,30}dostarcz|не (?:было |удалось )?доставл?ен|не удалось доставить",
    r"недоставлен|не может быть доставлен|配信できません|届けることができません|配信不能",
    r"退信|无法投递|無法傳送|未能送达|投递失败",
)
SAYS_DELAYED = phrases(
    r"not yet been delivered|has been delayed|\bis delayed|delivery[^.\n]{0,20}delayed",
    r"delayed (?:mail|deliv)|warning message only|(?:will|to) be re-?tried",
    r"will (?:keep|continue)[^.\n]{0,10}(?:trying|to (?:try|be))",
    r"still (?:being )?tr(?:ying|ied)|will retry|keep trying|attempts will continue|no action is required",
    r"could not (?:yet )?(?:send|be delivered)[^.\n]{0,20} past|do not need to (?:resend|take)",
    r"weiterhin versuch|weitere (?:zustell)?versuche|verzögert|verspätet|noch nicht zugestellt",
    r"pas encore (?:été|pu)|retardée?|sera réessay|todavía no|retrasad|si riproverà|in ritardo",
)
SAYS_GIVEN_UP = phrases(
    r"giv(?:ing|en|e) (?:it )?up|permanent(?:ly)? (?:error|fail|undeliver)|no longer|has failed",
    r"not (?:going to )?(?:try|be (?:re)?tried|retry)|failed permanently|could not be delivered to",
    r"endgültig|dauerhaft|définitiv|definitiv",
)
NOT_FOR_GOOD = phrases(
    r"(?:mail ?box|in-?box|account|user|storage|disk)[^.\n]{0,40}(?:\bfull\b|exceed|over ?quota|out of)",
    r"over ?quota|quota[^.\n]{0,30}exceed|exceed[^.\n]{0,30}quota|insufficient[^.\n]{0,20}(?:storage|space)",
    r"(?:postfach|mailbox|speicherplatz)[^.\n]{0,40}(?:voll\b|überschritten|erschöpft)",
    r"pleine|dépassé|saturée",
    r"buzón[^.\n]{0,40}lleno|cuota[^.\n]{0,30}(?:excedid|superad)|casella[^.\n]{0,30}piena|переполнен",
    r"queue too long|too long in (?:the )?queue|timed? ?out|retry (?:time|timeout)|temporar|greylist",
    r"could ?n[o'’]t connect|connection (?:refused|timed)|(?:message|delivery|time|queue) expired",
)
COPY_BEGINS = phrases(
    r"^[ >*]{0,4}[-=_*]{2,}+[^\n]{0,60}(?:copy|original|returned|unsent|message|header)",
    r"^[ >*]{0,4}[-=_*]{2,}+[^\n]{0,60}(?:nachricht|kopie|copie|copia)",
    r"^[ >*]{0,4}(?:original message|message) (?:headers?|follows|attached)\b",
    r"^[ >*]{0,4}(?:here is|this is) (?:a|your) (?:copy|returned)",
    r"^[ >*]{0,4}received: (?:from|by) ",
)
AUTOMATIC_SUBJECT = phrases(
    r"out[- ]of[- ](?:the[- ])?office|auto(?:matic)?[ -]?(?:repl|respon|answer)|\bvacation\b|\bon leave\b",
    r"\bholiday\b|\baway from\b|abwesen|automatische (?:antwort|rückmeldung)|\burlaub",
    r"nicht im (?:büro|haus)|r[ée]ponse automatique|absen(?:ce|t)\b|en congés?|respuesta autom",
    r"fuera de (?:la )?oficina|vacaciones|ausente|risposta automatica|fuori (?:sede|ufficio)|in ferie",
    r"resposta autom|fora do escritório|automatisch antwoord|afwezig|autosvar|automatiskt svar",
    r"poza biurem|automatyczna odpowiedź|nieobecn|автоответ|автоматический ответ",
    r"自動応答|自動返信|不在|自动回复|自動回覆",
    r"received your (?:mail|message|request)|thank you for (?:contacting|your (?:mail|message))",
    r"ticket[^\n]{0,20}(?:received|created|opened)|please confirm|challenge|confirm your (?:mail|message)",
)
ANSWERED_SUBJECT = phrases(r"(?:re|aw|antw|antwort|fwd?|wg|tr|rv|sv|vs|rif|i)\s?(?:\[\d{1,3}\])?\s?[:：]")
OF_A_DAEMON = phrases(
    r"(?:mailer|mail|mailing|e?mail)[-_.]?(?:daemon|delivery|system|server|admin|gateway|agent|service)",
    r"mailerdaemon|postmaster|\bdaemon|bounce|microsoftexchange|mdaemon|nondelivery|delivery",
    r"^(?:smtp|mta|system|notify|noreply[-_.]?dsn|uucp|root|exchange)[-_.\d]*$",
)
DAEMON_TITLES = phrases(
    r"mail delivery|delivery (?:sub)?system|mailer[- ]daemon|postmaster|(?:mail|system) administrator",
)
