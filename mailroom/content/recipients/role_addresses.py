"""Role addresses (RFC 2142): `info@`, `postmaster@`. No person signed up with one, and several read it."""

from __future__ import annotations

_ROLES = frozenset(
    (
        *(
            "abuse",
            "accounting",
            "accounts",
            "admin",
            "administrator",
            "all",
            "billing",
            "buero",
            "contact",
            "contacto",
        ),
        *(
            "do-not-reply",
            "donotreply",
            "empfang",
            "enquiries",
            "feedback",
            "finance",
            "ftp",
            "help",
            "helpdesk",
        ),
        *(
            "hostmaster",
            "hr",
            "info",
            "inquiries",
            "it",
            "jobs",
            "kontakt",
            "legal",
            "list",
            "mail",
            "mailbox",
            "mailer-",
        ),
        *(
            "daemon",
            "marketing",
            "media",
            "news",
            "newsletter",
            "no-reply",
            "noc",
            "noreply",
            "office",
            "orders",
        ),
        *(
            "postmaster",
            "press",
            "privacy",
            "root",
            "sales",
            "security",
            "service",
            "spam",
            "support",
            "sysadmin",
            "team",
        ),
        *("usenet", "verkauf", "vertrieb", "webmaster", "www"),
    )
)


def is_role(address: str) -> bool:
    return address.partition("@")[0].lower() in _ROLES
