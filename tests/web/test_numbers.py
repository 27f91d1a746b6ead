from __future__ import annotations

import pytest
from flask.testing import FlaskClient

TOO_LARGE = "9" * 30


@pytest.mark.parametrize(
    "path",
    [
        f"/mailings/{TOO_LARGE}",
        f"/mailings/{TOO_LARGE}/progress",
        f"/mailings/{TOO_LARGE}/deliveries.csv",
        f"/mailings/1/deliveries/{TOO_LARGE}",
        f"/queue/0/data/jobs/urgent/queued/10/asc/{TOO_LARGE}.json",
    ],
)
def test_what_no_database_could_hold_is_not_there(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("number", [TOO_LARGE, f"-{TOO_LARGE}", "9" * 5_000, "x", "-1"])
def test_a_page_that_begins_nowhere_is_a_page(client: FlaskClient, number: str) -> None:
    for path in (f"/?copy={number}", f"/mailings?before={number}", f"/race?mails={number}"):
        assert client.get(path).status_code in (200, 404)


@pytest.mark.parametrize("path", ["/mailings?q=a%00b", "/mailings?q=%00", "/sign-in?next=%00", "/inbox/%00"])
def test_a_nul_is_refused(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code in (400, 404)
