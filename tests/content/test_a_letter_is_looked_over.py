from __future__ import annotations

import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace

import pytest

from mailroom.content.addresses import Address
from mailroom.content.content import BULK_PURPOSE, Attachment, Content
from mailroom.content.links.unsubscribe import LinkPlace
from mailroom.content.preflight.examiner import Examiner, Subjected
from mailroom.content.preflight.kinds import Kind
from mailroom.content.preflight.letter import remarks_of, tags_of
from mailroom.content.preflight.links import problem_of
from mailroom.content.preflight.tally import Tally
from mailroom.content.recipients.parsed import Recipient

LETTER = Content(Address("ann@shop.example"), "News", "Hello there.\n")
PLACE = LinkPlace("https://mail.shop.example")


def kinds(content: Content) -> list[Kind]:
    return [remark.kind for remark in remarks_of(content)]


def examined(content: Content, *values: Mapping[str, object]) -> dict[tuple[str, str], list[int]]:
    columns = list(dict.fromkeys(name for one in values for name in one))
    people = [
        Recipient(f"p{number}@mail.example", "", one)  # type: ignore[arg-type]
        for number, one in enumerate(values)
    ]
    tally = Examiner(Subjected(content, columns, PLACE)).examine(range(1, len(people) + 1), people)
    return {(odd.kind.value, odd.about.partition("\n")[0]): found.rows for odd, found in tally}


def test_an_honest_letter_has_no_remarks() -> None:
    picture = Attachment("logo.png", "image/png", b"x", "logo")
    html = (
        '<p>Hello <a href="https://shop.example/x?a=1&amp;b={{ name }}">there</a>, <a href="#top">up</a>,'
        '<a href="mailto:ann@shop.example">write</a> <img src="cid:logo" alt=""> '
        '<a href="{{ unsubscribe_url }}">no more</a></p>'
    )
    text = "Hello (https://shop.example/x). No more: {{ unsubscribe_url }}"
    letter = replace(LETTER, html=html, text=text, attachments=(picture,), purpose=BULK_PURPOSE)
    assert list(remarks_of(letter)) == []


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("http://shop.example/", "not encrypted"),
        ("HTTP://shop.example", "not encrypted"),
        ("https://localhost:8000/x", "cannot reach"),
        ("https://127.0.0.1/", "cannot reach"),
        ("https://[::1]/", "cannot reach"),
        ("http://192.168.1.7/x", "cannot reach"),
        ("https://intranet/x", "cannot reach"),
        ("https://printer.local", "cannot reach"),
        ("https://", "cannot be read"),
        ("https:/shop.example", "cannot be read"),
        ("https://shop..example/", "cannot be read"),
        ("https://shop.example:99999/", "cannot be read"),
        ("https://[shop.example/", "cannot be read"),
        ("https://shop .example", "blank"),
        ("htps://shop.example", "nothing that mail programs open"),
        ("javascript:alert(1)", "nothing that mail programs open"),
        ("www.shop.example", "not a whole address"),
        ("/news", "not a whole address"),
        ("", "not a whole address"),
        ("cid:gone", "not among the attachments"),
        ("https://shop.example/{{ city }}", ""),
        ("https://bücher.example/", ""),
        ("tel:+43123", ""),
    ],
)
def test_a_bad_link_says_what_is_wrong_with_it(link: str, words: str) -> None:
    found = problem_of(link)
    assert words in found if words else found == ""


def test_links_are_found_in_html_and_in_text() -> None:
    html = "<a\nHREF=http://a.example/>x</a><img src='pic.png' alt=x><td background=\"http://b.example/p\">"
    found = [r.message for r in remarks_of(replace(LETTER, html=html, text="See http://c.example/x."))]
    assert len(found) == 4
    assert "“http://c.example/x” is" in found[3]


@pytest.mark.parametrize(
    "text",
    [
        "Please find the report attached.",
        "Die Rechnung ist im Anhang.",
        "Anbei der Bericht",
        "Veuillez trouver ci-joint la facture.",
        "Le adjunto la factura.",
        "In allegato il documento",
        "Segue em anexo",
        "Zie de bijlage.",
        "W załączniku faktura",
        "Se bifogad fil",
        "Счёт во вложении",
        "請求書を添付します",
        "请见附件",
    ],
)
def test_a_named_file_that_is_not_there_is_found_in_many_languages(text: str) -> None:
    assert kinds(replace(LETTER, text=text)) == [Kind.ATTACHMENT_MISSING]
    file = Attachment("a.pdf", "application/pdf", b"x")
    assert kinds(replace(LETTER, text=text, attachments=(file,))) == []


def test_what_is_quoted_or_a_tag_names_no_file() -> None:
    assert kinds(replace(LETTER, text="> see attached\nThanks {{ attached }}, re-attaching wallpaper")) == [
        Kind.ATTACHMENT_MISSING
    ]
    assert kinds(replace(LETTER, text="> see attached\nThanks {{ attached }}")) == []


@pytest.mark.parametrize("subject", ["test", "Test 2", "TESTING!", "[Test]", "Betreff", "test mail", "asdf"])
def test_a_subject_that_was_left_is_found(subject: str) -> None:
    assert kinds(replace(LETTER, subject=subject)) == [Kind.TEST_SUBJECT]


@pytest.mark.parametrize("subject", ["Your test results", "Contest", "Latest news", "Testing in 2030"])
def test_a_subject_that_speaks_of_tests_is_none(subject: str) -> None:
    assert kinds(replace(LETTER, subject=subject)) == []


def test_what_a_letter_lacks_is_told() -> None:
    letter = replace(LETTER, text="", html="<img src=https://a.example/x.png><p>x", purpose=BULK_PURPOSE)
    assert kinds(letter) == [Kind.NO_UNSUBSCRIBE_LINK, Kind.IMAGE_WITHOUT_ALT, Kind.NO_TEXT]


def test_a_misspelt_tag_is_told_with_the_nearest_name() -> None:
    letter = replace(LETTER, text="{{ frist_name }} {{ Firstname }} {{ zzz | upcase }}")
    told = [remark.message for remark in tags_of(letter, ["first_name", "city"]).remarks]
    assert told == [
        "No recipient has a value for {{ frist_name }}. Do you mean {{ first_name }}?",
        "No recipient has a value for {{ Firstname }}. Do you mean {{ first_name }}?",
        "No recipient has a value for {{ zzz }}.",
    ]


def test_an_empty_value_is_told_where_it_leaves_a_gap_and_nowhere_else() -> None:
    text = (
        "Hello {{ first_name }},\n{% if city %}in {{ city }}{% endif %}"
        "{{ nick | default: 'friend' }}{{ title | upcase }}"
    )
    whole = {"first_name": "Ann", "city": "Linz", "nick": "A", "title": "Dr"}
    found = examined(
        replace(LETTER, text=text),
        whole,
        {**whole, "first_name": " "},
        {**whole, "city": "", "nick": ""},
        {**whole, "title": ""},
        {"first_name": "Bob", "city": "Linz"},
    )
    assert found == {("empty_value", "first_name"): [2], ("empty_value", "title"): [4, 5]}


def test_zero_and_false_are_values() -> None:
    assert examined(replace(LETTER, text="{{ a }} {{ b }}"), {"a": 0, "b": False}) == {}


def test_a_row_that_liquid_cannot_fill_is_told_by_its_row() -> None:
    text = "{{ 100 | divided_by: number }}"
    found = examined(replace(LETTER, text=text), {"number": 5}, {"number": 0}, {"number": 2})
    assert list(found.values()) == [[2]]
    assert next(iter(found))[0] == "template_error"


def test_a_large_message_is_told_by_its_row() -> None:
    found = examined(replace(LETTER, text="{{ story }}"), {"story": "x"}, {"story": "long " * 21_000})
    assert found == {("too_large", ""): [2]}


def test_a_link_that_values_make_is_told_by_its_row() -> None:
    letter = replace(LETTER, html='<a href="{{ link }}">x</a>', text="At {{ link }}, or https://{{ host }}/")
    fine = {"link": "https://a.example/1", "host": "a.example"}
    found = examined(letter, fine, {**fine, "link": "http://a.example"}, {**fine, "host": "localhost"})
    assert found == {("http_link", "{{ link }}"): [2], ("http_link", "https://{{ host }}/"): [3]}


def test_a_link_that_nobody_gets_spoils_nothing() -> None:
    html = "{% if n > 0 %}<a href='{{ link }}?p={{ 10 | divided_by: n }}'>x</a>{% endif %}"
    fine, bad = {"n": 1, "link": "https://a.example/"}, {"n": 2, "link": "http://a.example/"}
    found = examined(replace(LETTER, html=html), fine, {**fine, "n": 0}, bad)
    assert [(kind, rows) for (kind, _), rows in found.items()] == [("http_link", [3])]


def test_a_link_of_what_the_letter_itself_makes_is_not_judged_without_it() -> None:
    html = "{% assign base = 'https://a.example' %}<a href='{{ base }}/{{ id }}'>x</a>"
    assert examined(replace(LETTER, html=html), {"id": "7"}) == {}


def test_links_cost_together_what_a_text_may() -> None:
    links = "".join(f"<a href='{{{{ link }}}}/{number}'>x</a>" for number in range(900))
    letter = replace(LETTER, html=f"{{% if is_shown %}}{links}{{% endif %}}")
    values = {"link": f"http://a.example/{'a' * 500_000}", "is_shown": False}
    began = time.thread_time()
    tracemalloc.start()
    assert examined(letter, values) == {}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.thread_time() - began < 3 and peak < 30_000_000


def test_of_a_long_link_the_beginning_is_kept_and_judged() -> None:
    letter = replace(LETTER, html="<a href='{{ link }}'>x</a>", text="Hello")
    people = [
        Recipient(f"p{n}@mail.example", "", {"link": f"http://{n}.example/{'a' * 90_000}"}) for n in range(9)
    ]
    [odd] = Examiner(Subjected(letter, ["link"], PLACE)).examine(range(1, 10), people)
    assert odd[1].count == 9 and max(map(len, odd[1].examples)) == 2_000


def test_reasons_that_differ_by_recipient_are_few_findings() -> None:
    values = [{"story": "x" * (2_000 + number)} for number in range(300)]
    found = examined(replace(LETTER, subject="{{ story }}", text="Hello"), *values)
    assert [len(rows) for rows in found.values()] == [100]


def test_findings_add_up_whichever_comes_first() -> None:
    letter = replace(LETTER, text="{{ a }}")
    examiner, whole = Examiner(Subjected(letter, ["a"], PLACE)), Tally()
    people = [Recipient(f"p{number}@mail.example", "", {"a": ""}) for number in range(150)]
    late, early = (
        examiner.examine(range(101, 151), people[100:]),
        examiner.examine(range(1, 101), people[:100]),
    )
    whole.add(late)
    whole.add(early)
    [(_, found)] = whole
    assert (found.count, found.rows) == (150, list(range(1, 101)))


@pytest.mark.parametrize(
    "html", ['<a href="' * 100_000, "<img " * 200_000, "&lt" * 300_000, "https://" * 120_000]
)
def test_odd_html_is_looked_over_in_linear_time(html: str) -> None:
    began = time.thread_time()
    list(remarks_of(replace(LETTER, html=html, text=html)))
    assert time.thread_time() - began < 3
