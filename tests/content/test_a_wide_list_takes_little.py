"""A list of short rows below a wide heading: each row has as many values, and takes no memory for them."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from mailroom.content.recipients import table
from mailroom.content.recipients.files.csv_file import parse_csv

WIDE = "email" + ",c" * 999


@pytest.mark.parametrize("cells", ["", "," * 999])
def test_its_values_do_not_stay_in_memory(cells: str) -> None:
    """65 kB of it took 100 MB, and a megabyte two gigabytes."""
    rows = "".join(f"a{number}@mail.example{cells}\n" for number in range(2_000))
    file = io.BytesIO(f"{WIDE}\n{rows}".encode())
    tracemalloc.start()
    parsed = parse_csv(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(parsed.recipients) == 2_000 and not parsed.problems
    assert len(parsed.recipients[1_999].variables or {}) == 999
    assert peak < 25_000_000


def test_rows_may_lack_so_many_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_LACKING", 10_000)
    rows = [f"a{number}@mail.example\n" for number in range(100)]
    (problem,) = parse_csv(io.BytesIO(f"{WIDE}\n{''.join(rows)}".encode())).problems
    assert "lack more than 10,000 cells" in problem.message and "1,000 columns" in problem.message
    assert not parse_csv(io.BytesIO(f"{WIDE}\n{''.join(rows[:10])}".encode())).problems
