"""E-mail (.eml): who wrote to whom about what, then the text; attachments by name."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import parsedate_to_datetime
from itertools import islice

from dunoe.library.parsing import flow, html, text
from dunoe.library.parsing.builder import Builder
from dunoe.library.parsing.kinds import NAMES
from dunoe.library.passage import Parsed

WHAT = NAMES["eml"]
HEADERS = {"subject": "제목", "from": "보낸 사람", "to": "받는 사람", "cc": "참조", "date": "날짜"}
PARTS = 1000  # of one mail; more were put there to hurt


def parse(data: bytes, name: str) -> Parsed:
    """Read a mail and the mails that are attached to it."""
    mail = message_from_bytes(data, _class=EmailMessage, policy=policy.default)
    builder = Builder("eml", WHAT)
    attached: list[str] = []
    for one in _mails(mail):
        builder.add("\n".join(_headers(one)), "meta")
        _body(builder, one, attached)
    if attached:
        builder.add("첨부: " + ", ".join(attached), "meta")
    return builder.parsed(_header(mail, "subject"), _date(mail))


def _mails(mail: EmailMessage) -> Iterator[EmailMessage]:
    """The mail itself and those in it."""
    yield mail
    for part in islice(mail.walk(), PARTS):
        inside = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(inside, list):
            yield from (one for one in inside[:1] if isinstance(one, EmailMessage))


def _body(builder: Builder, mail: EmailMessage, attached: list[str]) -> None:
    """Append its text: the plain one, or where there is none the one in HTML."""
    texts: dict[str, list[str]] = {"text/plain": [], "text/html": []}
    for part in _leaves(mail):
        kind = part.get_content_type()
        if part.get_filename():
            attached.append(_seen(str(part.get_filename())))
        elif kind in texts:
            data = part.get_payload(decode=True)
            texts[kind].append(_decoded(data if isinstance(data, bytes) else b"", part))
    plain = "\n".join(texts["text/plain"]).replace("\r\n", "\n")
    if plain.strip():
        for paragraph in plain.split("\n\n"):
            builder.add(paragraph)
    else:
        for page in texts["text/html"]:
            flow.write(builder, html.body(html.tree(page)))


def _leaves(mail: Message) -> Iterator[Message]:
    """The parts that have no parts; mails inside are not entered."""
    waiting = [mail]
    for _ in range(PARTS):
        if not waiting:
            return
        part = waiting.pop()
        inside = part.get_payload()
        if part is not mail and part.get_content_type() == "message/rfc822":
            continue
        if isinstance(inside, list):
            waiting += [one for one in reversed(inside) if isinstance(one, Message)]
        else:
            yield part


def _decoded(data: bytes, part: Message | None = None) -> str:
    """By the charset it names, or by what Korean programs wrote when they named none or a wrong one."""
    charset = "" if part is None else (part.get_content_charset() or "")
    for name in (charset or "utf-8", "cp949"):
        found = text.declared(data, name)
        if found is not None:
            return found
    return data.decode("utf-8", "replace")


def _headers(mail: EmailMessage) -> Iterator[str]:
    for name, label in HEADERS.items():
        if found := _header(mail, name):
            yield f"{label}: {found}"


def _header(mail: EmailMessage, name: str) -> str:
    """A header's letters; old programs wrote them as they were, which the standard has no place for."""
    raw = next((str(found) for key, found in mail.raw_items() if key.lower() == name), "")
    if raw.isascii():
        return _seen(str(mail.get(name, "")))
    return _seen(_decoded(raw.encode("utf-8", "surrogateescape")))


def _seen(found: str) -> str:
    return " ".join(found.split())


def _date(mail: EmailMessage) -> str:
    try:
        return parsedate_to_datetime(str(mail.get("date", ""))).isoformat()
    except (ValueError, TypeError):
        return ""
