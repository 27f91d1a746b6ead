"""Certificates for tests, made by the openssl command: a good one and three bad ones."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

Kind = Literal["good", "self-signed", "wrong-host", "expired"]

HERE = "DNS:localhost,IP:127.0.0.1"


def make_certificate(folder: Path, kind: Kind) -> Path:
    """A PEM file with certificate and key, for localhost unless `wrong-host`.

    All four sign themselves. Whoever trusts the file itself (`ca_file`) accepts the good
    one, and refuses the others for their one fault; nobody trusts `self-signed`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key, request, certificate = (folder / f"{kind}.{end}" for end in ("key", "csr", "crt"))
    names = "DNS:elsewhere.example" if kind == "wrong-host" else HERE
    days = "-1" if kind == "expired" else "3650"
    _openssl(
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", key, "-subj", "/CN=localhost", "-addext", f"subjectAltName={names}", "-out", request),
    )
    _openssl(
        *("x509", "-req", "-in", request, "-signkey", key, "-days", days),
        *("-copy_extensions", "copy", "-out", certificate),
    )
    pem = folder / f"{kind}.pem"
    pem.touch(mode=0o600)
    pem.write_bytes(certificate.read_bytes() + key.read_bytes())
    return pem


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=30)
