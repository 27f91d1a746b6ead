from __future__ import annotations

from collections.abc import Iterator

import pytest
from email_validator import validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailroom.content import private_domains
from mailroom.content.addresses import (
    Address,
    AddressError,
    format_address,
    parse_address,
    parse_plain,
    read_formatted,
)

labels = st.one_of(
    st.sampled_from(
        ["example", "org", "test", "local", "arpa", "xn--mnchen-3ya", "a--b", "ab--c", "1", "co1", "-a"]
    ),
    st.text("abXYZ019-_", max_size=8),
    st.just("a" * 63),
    st.just("a" * 64),
)
almost_addresses = st.builds(
    lambda local, domain: f"{local}@{'.'.join(domain)}",
    st.one_of(st.text("abZ09.+_-'!#$%&*/=?^`{|}~ \"(),:;<>[]\\é\n", max_size=12), st.just("a" * 70)),
    st.lists(labels, min_size=1, max_size=5),
)


@settings(max_examples=500, deadline=None)
@given(almost_addresses)
@example("ann@example.org\n")
@example("ann@ab--cd.org")
@example(f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 10}.org")
def test_the_fast_path_accepts_nothing_that_email_validator_refuses(text: str) -> None:
    found = parse_plain(text)

    if found is not None:
        known = validate_email(text, check_deliverability=False, test_environment=True)
        assert found == f"{text.rpartition('@')[0]}@{known.ascii_domain}"


@pytest.mark.parametrize(
    ("text", "address", "name"),
    [
        ("ann@example.org", "ann@example.org", ""),
        ("  Ann.Lee+news@EXAMPLE.Org ", "Ann.Lee+news@example.org", ""),
        ("<ann@example.org>", "ann@example.org", ""),
        ("mailto:ann@example.org", "ann@example.org", ""),
        ("Ann Lee <ann@example.org>", "ann@example.org", "Ann Lee"),
        ("Ann Lee<ann@example.org> ", "ann@example.org", "Ann Lee"),
        ('"Lee, Ann" <ann@example.org>', "ann@example.org", "Lee, Ann"),
        ('"Ann \\"The Boss\\" Lee" <ann@example.org>', "ann@example.org", 'Ann "The Boss" Lee'),
        ("Doe, John <john@x.org>", "john@x.org", "Doe, John"),
        ("Jörg Müller <joerg@example.org>", "joerg@example.org", "Jörg Müller"),
        ("李 <li@example.org>", "li@example.org", "李"),
        ("ann@example.org <ann@example.org>", "ann@example.org", "ann@example.org"),
        ("ann@münchen.example", "ann@xn--mnchen-3ya.example", ""),
        ("ann@straße.de", "ann@xn--strae-oqa.de", ""),  # IDNA 2008, not strasse.de
        ("Info@example.org", "Info@example.org", ""),
        ("try@server.test", "try@server.test", ""),
        ("\u200bann@example.org\ufeff", "ann@example.org", ""),
        ('"john doe"@Example.org', '"john doe"@example.org', ""),
        ('John <"john doe"@example.org>', '"john doe"@example.org', "John"),
        ('"Doe, J." <"a@b, c;d"@example.org>', '"a@b, c;d"@example.org', "Doe, J."),
        ('"john"@example.org', "john@example.org", ""),
        ('"j\\o\\hn"@example.org', "john@example.org", ""),
        ('".john..doe."@münchen.example', '".john..doe."@xn--mnchen-3ya.example', ""),
        (r'"a\"b\\c"@example.org', r'"a\"b\\c"@example.org', ""),
    ],
)
def test_it_accepts(text: str, address: str, name: str) -> None:
    assert parse_address(text) == Address(address, name)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("ann", "must have an @-sign"),
        ("Ann Lee", "must have an @-sign"),
        ("@example.org", "something before the @-sign"),
        ("ann@", "something after the @-sign"),
        ("ann@example", "should have a period"),
        ("ann@@example.org", "invalid characters"),
        ("ann@exa mple.org", "no spaces"),
        ("ann@localhost", "period"),
        ("ann@intranet.local", "special-use"),
        ("jörg@example.org", "Only ASCII can be mailed before the @"),
        ("a@x.org b@y.org", "more than one address"),
        ("a@x.org, b@y.org <c@z.org>", "more than one address"),
        ("Ann <ann@example.org", "angle brackets"),
        ("Ann <ann@example.org> Lee", "angle brackets"),
        ("ann@example.org\nBcc: eve@example.org", "line break"),
        ("Ann\r\nBcc: eve@example.org <ann@example.org>", "line break"),
        ("Ann\0 <ann@example.org>", "control character"),
        ("a" * 250 + "@example.org", "too long"),
        ('"' + "a b" * 30 + '"@example.org', "64 characters"),
        ('""@example.org', "quote"),
        ('"a<b"@example.org', "angle brackets"),
        ('"a"b"@example.org', "quote"),
        ('"a\tb"@example.org', "quote"),
        ('"jörg w"@example.org', "Only ASCII"),
        ('"a b"@localhost', "period"),
        ("a@" + "b" * 5000, "too long"),
    ],
)
def test_it_refuses_and_says_why(text: str, reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        parse_address(text)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=40))
def test_what_it_formats_it_reads_again(name: str) -> None:
    address = Address("ann@example.org", name)

    assert parse_address(format_address(address)) == address

    assert read_formatted(format_address(address)) == address


@pytest.fixture
def private() -> Iterator[None]:
    private_domains.allow(("localhost", "corp", "home.arpa", "*.local"))
    yield
    private_domains.allow(())


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize(
    ("text", "address"),
    [
        *(("ann@LocalHost", "ann@localhost"), ("Ann <ann@corp>", "ann@corp"), ("a@home.arpa", "a@home.arpa")),
        *(("ann@pc.office.local", "ann@pc.office.local"), ('"a b"@corp', '"a b"@corp')),
        ("ann@büro.local", "ann@xn--bro-hoa.local"),
        ("ann@example.org", "ann@example.org"),
    ],
)
def test_private_domains_are_mailed_where_they_are_named(text: str, address: str) -> None:
    assert parse_address(text).address == address
    private_domains.allow(())
    if address != "ann@example.org":
        with pytest.raises(AddressError):
            parse_address(text)


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize(
    "text",
    [
        *("ann@local", "ann@corp.local.", "ann@.local", "ann@a..local", "ann@-a.local", "ann@a b.local"),
        *("ann@host", "ann@home.corp.arpa", "ann@x.home.arpa", "ann@localhost.localhost", "ann@10.0.0.1"),
        *(
            f"ann@{'a' * 64}.local",
            "ann@a_b.local",
            "ann@corp\nBcc: eve@corp",
            "ann@corp> <eve@corp",
            "ann@*.local",
        ),
    ],
)
def test_private_domains_have_the_form_of_domains(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address(text)


def test_two_spellings_have_one_key() -> None:
    assert parse_address("Ann@Example.ORG").key == parse_address("ann@example.org").key
