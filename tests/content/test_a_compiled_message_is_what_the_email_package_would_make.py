from __future__ import annotations

from email import policy
from email.header import decode_header, make_header
from email.headerregistry import Address as Shown
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailroom.content.addresses import Address
from mailroom.content.content import Attachment, Content
from mailroom.content.message.headers import clean, to_header
from tests.content.mail import ANN, DATE, as_typed, assert_fit_for_the_wire, body_of, parsed, rendered

ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n", ".\r\n", "\r.\r\n", " \n", "\t\r\n", "=\n"])
pieces = st.one_of(st.text(max_size=200), ends, st.text("aäß€ 😀.=", max_size=300), st.just("x" * 1200))
bodies = st.lists(pieces, max_size=8).map("".join)
words = st.one_of(
    st.text(max_size=120), st.text("ab c,;<>\"'\\@.()=?_é😀", max_size=200), st.just("long " * 60)
)
filenames = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=120)
attachments = st.builds(
    Attachment,
    filenames,
    st.sampled_from(["application/pdf", "text/csv", "image/png"]),
    st.binary(max_size=300),
    st.sampled_from([None, None, "logo@example.org"]),
)
contents = st.builds(
    Content,
    sender=st.builds(Address, st.just("john@example.com"), words),
    subject=words,
    text=bodies,
    html=bodies,
    reply_to=st.lists(st.builds(Address, st.just("r@example.com"), words), max_size=3).map(tuple),
    headers=st.just((("X-Campaign", "spring"), ("List-Unsubscribe", f"<https://example.org/{'u' * 120}>"))),
    attachments=st.lists(attachments, max_size=2).map(tuple),
    kind=st.just("shared"),
    to=st.just((ANN,)),
    cc=st.lists(st.builds(Address, st.just("cc@example.org"), words), max_size=12).map(tuple),
)


def by_the_email_package(content: Content) -> EmailMessage:
    """The same message, slowly."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = shown(content.sender)
    message["To"] = [shown(address) for address in content.to]
    if content.cc:
        message["Cc"] = [shown(address) for address in content.cc]
    if content.reply_to:
        message["Reply-To"] = [shown(address) for address in content.reply_to]
    message["Subject"] = clean(content.subject)
    message["Date"] = format_datetime(DATE)
    for name, value in content.headers:
        message[name] = value
    inline = [a for a in content.attachments if a.content_id and content.html]
    if content.text or not content.html:
        message.set_content(content.text, cte="base64")
    if content.html:
        add = message.add_alternative if content.text else message.set_content
        add(content.html, subtype="html", cte="base64")
        html = message.get_body(("html",))
        assert html is not None
        for a in inline:
            add_file(html.add_related, a, disposition="inline", cid=f"<{a.content_id}>")
    for a in content.attachments:
        if a not in inline:
            cid = f"<{a.content_id}>" if a.content_id else None
            add_file(message.add_attachment, a, cid=cid, disposition="inline" if cid else "attachment")
    return message


def add_file(add: object, attachment: Attachment, **options: object) -> None:
    assert callable(add)
    maintype, _, subtype = attachment.content_type.partition("/")
    add(attachment.data, maintype=maintype, subtype=subtype, filename=attachment.filename, **options)


def shown(address: Address) -> Shown:
    return Shown(" ".join(clean(address.name).split()), addr_spec=address.address)


def structure(part: EmailMessage) -> object:
    if part.is_multipart():
        return part.get_content_type(), [structure(child) for child in part.iter_parts()]  # type: ignore[arg-type]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    if part.get_content_disposition() is None:
        payload = as_typed(payload.decode()).encode()
    return (
        part.get_content_type(),
        part.get_filename(),
        part["Content-ID"],
        part.get_content_disposition(),
        payload,
    )


@settings(max_examples=150, deadline=None)
@given(contents)
@example(Content(ANN, "s", text="a\r.\r\nb", html="<p>.\r\n.</p>", kind="shared", to=(ANN,)))
@example(Content(ANN, "=?utf-8?q?not=20encoded?=", text=".", kind="shared", to=(ANN,)))
def test_headers_bodies_and_attachments_are_the_same(content: Content) -> None:
    raw = rendered(content)
    assert_fit_for_the_wire(raw)
    ours, theirs = parsed(raw), by_the_email_package(content)

    assert not ours.defects
    assert ours["Subject"] == clean(content.subject)
    for field in ("From", "To", "Cc", "Reply-To"):
        if theirs[field] is not None or ours[field] is not None:
            assert mailboxes(ours, field) == mailboxes(theirs, field)
    for field in ("Date", "MIME-Version", "X-Campaign", "List-Unsubscribe"):
        assert ours[field] == theirs[field]
    assert structure(ours) == structure(theirs)


def mailboxes(message: EmailMessage, field: str) -> list[tuple[str, str]]:
    # Without blanks: Python 3.11's parser keeps the one between two encoded-words of a
    # name, which RFC 2047 (6.2) drops. The next test looks at them.
    return [("".join(a.display_name.split()), a.addr_spec) for a in message[field].addresses]


@settings(max_examples=100, deadline=None)
@given(words)
def test_a_name_keeps_its_blanks(name: str) -> None:
    raw = to_header("ann@example.org", name).decode().removeprefix("To: ").replace("\r\n", "")
    shown, bare = parseaddr(raw)

    assert bare == "ann@example.org"
    assert str(make_header(decode_header(shown))) == " ".join(clean(name).split())


@settings(max_examples=200, deadline=None)
@given(bodies, bodies)
def test_bodies_arrive_as_typed(text: str, html: str) -> None:
    content = Content(ANN, "s", text=f"{text}-", html=f"{html}-", kind="shared", to=(ANN,))
    message = parsed(rendered(content))

    assert body_of(message, "plain") == as_typed(content.text)
    assert body_of(message, "html") == as_typed(content.html)
