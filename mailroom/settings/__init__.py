"""Settings: the environment, read once: typed, loud, and with no insecure default.

SettingsError    str() is one line: the variable, what is wrong, what to do

Reading order:
values       what a text has to be
variables    every variable: its name, what it takes, its default
reading      from the environment to Settings
clients      what a program that only submits is told
programs     how our own programs start, and what they say of a bad value
"""

from mailroom.settings.clients import LedgerUrls, ledger_urls, private_domains_of
from mailroom.settings.programs import (
    NAME_A_FOLDER,
    keep_within_home,
    leave,
    load_or_exit,
    misspelt,
    without_colours,
)
from mailroom.settings.reading import LOCAL_FILE, given, home_of, load, of_a_client, read_local
from mailroom.settings.values import SettingsError
from mailroom.settings.variables import (
    EXPECTED_SETTINGS,
    FILED,
    REQUIRED,
    SETTINGS_FIELDS,
    Settings,
)

__all__ = [
    "EXPECTED_SETTINGS",
    "FILED",
    "LOCAL_FILE",
    "NAME_A_FOLDER",
    "REQUIRED",
    "SETTINGS_FIELDS",
    "LedgerUrls",
    "Settings",
    "SettingsError",
    "given",
    "home_of",
    "keep_within_home",
    "leave",
    "ledger_urls",
    "load",
    "load_or_exit",
    "misspelt",
    "of_a_client",
    "private_domains_of",
    "read_local",
    "without_colours",
]
