#!/bin/sh
# Has LibreOffice write guests.fods in its other dialects. Run by hand: the files are kept.
set -eu
cd "$(dirname "$0")"
for kind in ods xls xlsx; do
    soffice --headless --convert-to "$kind" guests.fods >/dev/null
done
