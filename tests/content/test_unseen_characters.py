"""What nobody sees, or turns round what stands beside it, has no place in a name, a subject or a value."""

from __future__ import annotations

import io
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.check import check
from mailroom.content.content import Attachment, Content
from mailroom.content.lists.stated_consent import ConsentUnreadable, stated
from mailroom.content.message.compiled import compile_message
from mailroom.content.recipients.files.csv_file import parse_csv
from mailroom.content.recipients.pasted import parse_pasted
from mailroom.content.templates.template_letter import TemplateLetter, TemplateVariable, problems_of
from mailroom.content.text.characters import misplaced, misplaced_in_lines, name_of, without_direction
from mailroom.content.whole.fields import Unmailable
from mailroom.content.whole.original import read_original

HOSTILE = {
    "an override to the left": ("Ann \u202egnp.exe", "U+202E RIGHT-TO-LEFT OVERRIDE"),
    "an override that ends": ("Ann \u202egnp\u202c.exe", "U+202E RIGHT-TO-LEFT OVERRIDE"),
    "an override to the right": ("\u202dAnn", "U+202D LEFT-TO-RIGHT OVERRIDE"),
    "an embedding without end": ("Ann \u202b", "U+202B RIGHT-TO-LEFT EMBEDDING without its end"),
    "an isolate without end": ("Ann \u2067Lee", "U+2067 RIGHT-TO-LEFT ISOLATE without its end"),
    "an end without beginning": ("Ann\u2069 Lee", "U+2069 POP DIRECTIONAL ISOLATE without its beginning"),
    "the other end": ("\u2067Ann\u202c", "U+202C POP DIRECTIONAL FORMATTING without its beginning"),
    "ends in the wrong order": ("\u2067\u202bAnn\u2069\u202c", "without its beginning"),
    "a line separator": ("Ann\u2028Lee", "U+2028, a line break"),
    "a paragraph separator": ("Ann\u2029Lee", "U+2029, a line break"),
    "another line end": ("Ann\x85Lee", "U+0085, a line break"),
    "a zero width space": ("An\u200bn", "U+200B ZERO WIDTH SPACE"),
    "a byte order mark": ("An\ufeffn", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
    "a word joiner": ("An\u2060n", "U+2060 WORD JOINER"),
    "an invisible plus": ("An\u2064n", "U+2064 INVISIBLE PLUS"),
    "a deprecated format": ("An\u206en", "U+206E NATIONAL DIGIT SHAPES"),
    "an annotation": ("An\ufff9n", "U+FFF9 INTERLINEAR ANNOTATION ANCHOR"),
    "a letter that is not there": ("An\u3164n", "U+3164 HANGUL FILLER"),
    "hidden words": ("Ann\U000e0061\U000e0062", "U+E0061 TAG LATIN SMALL LETTER A"),
    "hidden words behind a flag": ("\U0001f3f4\U000e0067\U000e007f\U000e0061", "U+E0061 TAG LATIN"),
    "a NUL": ("An\0n", "U+0000, a control character"),
    "a bell": ("An\x07n", "U+0007, a control character"),
    "an escape": ("An\x1b[31mn", "U+001B, a control character"),
    "a C1 control": ("An\x9bn", "U+009B, a control character"),
    "half of a character": ("An\ud83dn", "U+D83D, half of a character"),
    "no character": ("An\ufffen", "U+FFFE"),
}

HONEST = {
    "German": "Jörg Müßig",
    "a soft hyphen": "Donau\u00addampfschiff",
    "Arabic": "أحمد بن محمد",
    "Arabic with a mark beside a number": "أحمد \u200f(5)\u200e",
    "Arabic with a letter mark": "\u061cأحمد",
    "Hebrew": "שלום \u200e(Ann)",
    "Persian": "می\u200cخواهم",
    "Hindi": "क्\u200dष",
    "Khmer": "សួស្តី\u200bពិភពលោក",
    "Mongolian": "ᠪᠠᠶᠢᠨ\u180eᠠ",
    "Thai": "สวัสดี\u200bชาวโลก",
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467 Lee",
    "a heart": "Ann \u2764\ufe0f",
    "Wales": "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
    "a name in Japanese": "葛\U000e0100城",
    "an isolated name, as libraries write it": "Hello \u2068أحمد\u2069!",
    "isolates within another": "\u2066a \u2067b\u2069\u2069",
    "a telephone number, as Windows copies it": "\u202a+49 170 1234567\u202c",
    "a tab": "Ann\tLee",
    "a full-width name": "Ａｎｎ",
}

DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(("text", "words"), HOSTILE.values(), ids=HOSTILE)
def test_it_is_named(text: str, words: str) -> None:
    assert misplaced(text).startswith("holds ") and words in misplaced(text)


@pytest.mark.parametrize("text", HONEST.values(), ids=HONEST)
def test_honest_words_stay(text: str) -> None:
    assert misplaced(text) == ""
    assert parse_address(f'"{text}" <ann@example.org>').name.split() == text.split()


def test_every_control_and_every_direction_alone_is_refused() -> None:
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)):
        assert bool(misplaced(f"a{chr(code)}b")) is (chr(code) != "\t"), hex(code)


STAYS = {
    *(0xAD, 0x61C, 0x180B, 0x180C, 0x180D, 0x180F, 0x200C, 0x200D, 0x200E, 0x200F),
    *range(0xFE00, 0xFE10),
    *range(0xE0100, 0xE01F0),
}


def test_of_what_nobody_sees_only_what_a_language_needs_stays() -> None:
    """Default_Ignorable_Code_Point of Unicode 16."""
    unseen = [0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0]
    for span in (
        *((0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F)),
        *((0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
    ):
        unseen += range(span[0], span[1] + 1)
    assert {code for code in unseen if not misplaced(f"a{chr(code)}b")} == STAYS


@given(st.text(st.sampled_from("aב" + DIRECTIONS), max_size=12))
def test_what_stays_turns_round_nothing_that_follows(text: str) -> None:
    """Every explicit direction is over when the text is (UAX 9, X1 to X8)."""
    open_ones: list[str] = []
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("LRE", "RLE", "LRO", "RLO", "LRI", "RLI", "FSI"):
            open_ones.append(kind)
        elif kind == "PDF" and open_ones and not open_ones[-1].endswith("I"):
            open_ones.pop()
        elif kind == "PDI" and any(one.endswith("I") for one in open_ones):
            while not open_ones.pop().endswith("I"):
                pass
    if not misplaced(text):
        assert open_ones == []
        assert "\u202d" not in text and "\u202e" not in text
    assert not set(without_direction(text)) & set(DIRECTIONS)


def content(**changes: object) -> Content:
    usual = {"sender": parse_address("ann@example.org"), "subject": "s", "text": "t"}
    return Content(**usual | changes)  # type: ignore[arg-type]


def csv(*rows: str) -> list[str]:
    file = io.BytesIO("\r\n".join(rows).encode("utf-8", "surrogatepass"))
    return [problem.message for problem in parse_csv(file).problems]


def submitted(head: str) -> list[str]:
    message = f"From: ann@example.org\r\nTo: bob@example.org\r\n{head}\r\n\r\nHi\r\n".encode()
    if head.lower().startswith(("from", "to")):
        message = f"{head}\r\nX-A: b\r\n\r\nHi\r\n".encode()
        message = message if head.startswith("From") else b"From: ann@example.org\r\n" + message
    try:
        read_original(
            message,
            envelope_sender="ann@example.org",
            uid="a",
            date=datetime.now(UTC),
            trace="by mailroom",
        )
    except Unmailable as reason:
        return [str(reason)]
    return []


def enclosed(head: str) -> list[str]:
    """In a part of a whole message."""
    part = f"--b\r\n{head}\r\n\r\nx\r\n"
    return submitted(f"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{part}--b--")


def in_pieces(text: str) -> str:
    """By RFC 2231, an octet each, the last of them first."""
    octets = text.encode("utf-8", "surrogatepass")
    pieces = [f"; filename*{number}*=%{octet:02x}" for number, octet in enumerate(octets, 1)]
    return f"Content-Disposition: attachment{''.join(reversed(pieces))}; filename*0*=utf-8''"


def unfit(letter: TemplateLetter) -> list[str]:
    return [sentence for _, sentence in problems_of(letter)]


def unread(*words: str) -> list[str]:
    try:
        stated(*words)
    except ConsentUnreadable as reason:
        return [str(reason)]
    return []


def pasted(text: str) -> list[str]:
    return [problem.message for problem in parse_pasted(text).problems]


def found(changed: Content) -> list[str]:
    return [sentence for _, sentence in check(changed, [])]


def encoded(text: str) -> str:
    return f"=?utf-8?b?{b64encode(text.encode('utf-8', 'surrogatepass')).decode()}?="


DOORS: dict[str, Callable[[str], list[str]]] = {
    "a pasted name": lambda text: pasted(f'"{text}" <bob@example.org>'),
    "a subject": lambda text: found(content(subject=text)),
    "a header": lambda text: found(content(headers=(("X-Note", text),))),
    "a file's name": lambda text: found(content(attachments=(Attachment(text, "text/plain", b""),))),
    "a name in a CSV file": lambda text: csv("email,name", f"bob@example.org,{text}"),
    "a value in a CSV file": lambda text: csv("email,town", f"bob@example.org,{text}"),
    "a value between good ones": lambda text: csv(
        "email,town", "a@b.example,x", f"b@b.example,{text}", "c@b.example,y"
    ),
    "a heading in a CSV file": lambda text: csv(f"email,{text}", "bob@example.org,x"),
    "a file without headings": lambda text: csv(f"bob@example.org,{text}"),
    "a subject by SMTP": lambda text: submitted(f"Subject: {encoded(text)}"),
    "a raw subject by SMTP": lambda text: submitted(f"Subject: {text}"),
    "an author by SMTP": lambda text: submitted(f"From: {encoded(text)} <ann@example.org>"),
    "a recipient by SMTP": lambda text: submitted(f"To: {encoded(text)} <bob@example.org>"),
    "a Reply-To by SMTP": lambda text: submitted(f"Reply-To: {encoded(text)} <bob@example.org>"),
    "a template's subject": lambda text: unfit(TemplateLetter(subject=text, text="Hi")),
    "a fallback of a template": lambda text: unfit(
        TemplateLetter(text="{{ town }}", variables=(TemplateVariable("town", "string", text),))
    ),
    "how consent was given": lambda text: unread("given", "", text, ""),
    "a word of consent": lambda text: unread(text, "", "", ""),
    "evidence of consent": lambda text: unread("", "", "", text),
    "an encoded header": lambda text: found(content(headers=(("X-Note", encoded(text)),))),
    "a name beside a file's type": lambda text: found(
        content(attachments=(Attachment("a", f"text/plain; name*=utf-8''{quote(text)}", b""),))
    ),
    "the same, encoded": lambda text: found(
        content(attachments=(Attachment("a", f'text/plain; name="{encoded(text)}"', b""),))
    ),
    "a raw file's name by SMTP": lambda text: enclosed(f'Content-Disposition: attachment; filename="{text}"'),
    "an encoded file's name by SMTP": lambda text: enclosed(
        f'Content-Disposition: attachment; filename="{encoded(text)}"'
    ),
    "a file's name by SMTP": lambda text: enclosed(
        f"Content-Disposition: attachment; filename*=utf-8''{quote(text)}"
    ),
    "a file's name in pieces by SMTP": lambda text: enclosed(in_pieces(text)),
    "a name beside a file's type by SMTP": lambda text: enclosed(
        f"Content-Type: application/pdf; name*=UTF-8'de'{quote(text)}"
    ),
    "a file's description by SMTP": lambda text: enclosed(f"Content-Description: {encoded(text)}"),
    "a file that is the message": lambda text: submitted(
        f"Content-Disposition: attachment; filename*=utf-8''{quote(text)}"
    ),
}

SEEN_AT_EVERY_DOOR = [
    *(
        "an override to the left",
        "an override that ends",
        "an override to the right",
        "an embedding without end",
    ),
    *("an isolate without end", "an end without beginning", "a line separator", "a zero width space"),
    *("a byte order mark", "a word joiner", "hidden words", "a letter that is not there"),
]


def names_it(sentence: str, text: str) -> bool:
    return misplaced(text) in sentence or ("line break" in sentence and "line break" in misplaced(text))


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_it_is_refused_at_every_door_by_its_name(door: Callable[[str], list[str]]) -> None:
    texts = {name: HOSTILE[name][0] for name in SEEN_AT_EVERY_DOOR}
    told = {name: (door(text) or ["nothing was said"])[0] for name, text in texts.items()}
    assert {name: words for name, words in told.items() if not names_it(words, texts[name])} == {}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_honest_words_pass_every_door(door: Callable[[str], list[str]]) -> None:
    told = {name: door(text) for name, text in HONEST.items()}
    assert {name: words for name, words in told.items() if words} == {}


@pytest.mark.parametrize("kind", ["shared", "individual"])
def test_a_files_name_that_looks_encoded_is_the_same_to_every_reader(kind: str) -> None:
    """Nearly every program decodes what stands in quotes there, though it has no place there."""
    name = encoded("Ann \u202egnp.exe")
    changed = content(attachments=(Attachment(name, "text/plain", b""),), kind=kind)
    mail = compile_message(changed, "a", datetime.now(UTC)).render(
        parse_address("bob@example.org"), None, "<a@b>"
    )
    assert b"=?" not in mail
    (file,) = message_from_bytes(mail, policy=policy.default).iter_attachments()
    assert file.get_filename() == name


def test_names_of_very_many_files_are_not_looked_through_for_ever() -> None:
    head = f"Content-Disposition: attachment; filename*=utf-8''{'%41' * 300}"
    part = f"--b\r\n{head}\r\n\r\nx\r\n"
    told = submitted(f"Content-Type: multipart/mixed; boundary=b\r\n\r\n{part * 300}--b--")
    assert "names of files" in told[0]


def test_two_names_do_not_end_each_other_s_directions() -> None:
    one, other = encoded("Ann \u202b"), encoded("Bob \u202c")
    head = f"To: {one} <a@example.org>, {other} <b@example.org>"
    assert "U+202B" in submitted(head)[0]


def test_old_programs_may_call_windows_quotes_latin_1() -> None:
    assert submitted("Subject: =?iso-8859-1?q?Ann=92s?=") == []


def test_what_comes_along_at_the_ends_is_left_out() -> None:
    assert parse_address("\ufeffAnn\u200b <ann@example.org>\u200b").name == "Ann"
    read = parse_csv(io.BytesIO("email,town\r\nbob@example.org,\u200bRome\ufeff\r\n".encode()))
    assert [one.variables for one in read.recipients] == [{"town": "Rome"}]


def test_what_comes_along_at_the_ends_of_a_whole_message_s_words_hides_nothing() -> None:
    """Programs read a subject, or the names of files, from files that begin with a byte order mark."""
    words = "\ufeffReport\u200b"
    assert submitted(f"Subject: {encoded(words)}") == []
    assert submitted(f"Subject: {encoded('Re' + words)}") != []
    for naming in (f'filename="{encoded(words)}"', f"filename*=utf-8''{quote(words)}", f'filename="{words}"'):
        assert enclosed(f"Content-Disposition: attachment; {naming}") == []


def test_a_value_may_have_several_lines() -> None:
    assert misplaced_in_lines("Rome\r\nItaly\n") == ""
    assert csv("email,town", 'bob@example.org,"Rome\r\nItaly"') == []


def test_an_address_is_refused_too() -> None:
    with pytest.raises(AddressError, match="U\\+202E"):
        parse_address("ann\u202e@example.org")


def test_names_of_characters() -> None:
    assert name_of("\u202e") == "U+202E RIGHT-TO-LEFT OVERRIDE"
    assert name_of("\U000e0001") == "U+E0001 LANGUAGE TAG"
