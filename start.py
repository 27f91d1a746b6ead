"""The one-command local run (`make run`): starts and watches what is missing."""

from __future__ import annotations

from mailroom import files
from mailroom.local import python_path


def main() -> None:
    files.open_standard_streams()
    files.speak_utf8()
    files.keep_private()
    python_path.forget()
    from mailroom.local.start import start_or_exit  # only now: PYTHONPATH may hold others of what it imports

    start_or_exit()


if __name__ == "__main__":
    main()
