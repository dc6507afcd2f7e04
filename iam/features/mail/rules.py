"""What mails look like: templates, addresses, and how both become a message. Pure."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from iam.errors import IamError, invalid
from iam.features.mail.shipped import Wording
from iam.kit.sealing import Place

MAX_ROUTES: Final = 10
MAX_TEXT: Final = 20_000
SMTP_PORTS: Final = frozenset({25, 465, 587, 2525})
DEFAULT_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
CHANNEL: Final = "mail"

_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")
_SLOT = re.compile(r"\{\{ *([a-z][a-z0-9_]{0,63}) *\}\}")
_BRACES = re.compile(r"\{\{|\}\}|\{%|\{#")
# No quoted local parts, comments or literals: nobody's mailbox needs them, and parsers differ.
_ADDRESS = re.compile(
    r"(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_MAX_ADDRESS: Final = 254
_LINE_BREAKS = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Content:
    """What one mail says, and to whom."""

    recipient: str
    subject: str
    text: str
    html: str


def check_name(name: str) -> None:
    """Raise `IamError` of kind `invalid` unless a route may have this name."""
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise invalid("name_invalid", "expected 1 to 64 letters, digits and any of `+=,.@_-`")


def check_address(address: str) -> None:
    """Raise `IamError` of kind `invalid` unless this is one plain mail address."""
    if len(address) > _MAX_ADDRESS or not _ADDRESS.fullmatch(address):
        raise invalid("address_invalid", "expected one mail address: name@example.com")


def check_wording(wording: Wording, *, known: frozenset[str]) -> None:
    """Raise `IamError` of kind `invalid` unless a template uses only values that there are."""
    if _LINE_BREAKS.search(wording.subject):
        raise _template_invalid("the subject is one line")
    for part in (wording.subject, wording.text, wording.html):
        unknown = sorted(set(_SLOT.findall(part)) - known)
        if unknown:
            there = ", ".join(sorted(known)) or "none"
            raise _template_invalid(f"there is no value `{unknown[0]}`; there are: {there}")
        if _BRACES.search(_SLOT.sub("", part)):
            raise _template_invalid("braces are only for values: `{{ name }}`")


def rendered(wording: Wording, values: Mapping[str, str], *, recipient: str) -> Content:
    """What a template says with these values; in the HTML they are text, never markup."""
    check_address(recipient)

    def fill(template: str, *, is_html: bool = False) -> str:
        def value(match: re.Match[str]) -> str:
            found = values.get(match[1], "")
            return html.escape(found) if is_html else found

        return _SLOT.sub(value, template)

    # A value may be anybody's; a line break in a header would begin another one.
    subject = _LINE_BREAKS.sub(" ", fill(wording.subject)).strip()
    return Content(recipient, subject, fill(wording.text), fill(wording.html, is_html=True))


def message_of(content: Content, *, mail_id: str, sender: str, domain: str) -> bytes:
    """The message as SMTP carries it. The same mail has the same `Message-ID` however often."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(addr_spec=sender)
    message["To"] = Address(addr_spec=content.recipient)
    # The library decodes encoded words (RFC 2047) in what it is given, with line breaks in them.
    message["Subject"] = content.subject.replace("=?", "= ?")
    message["Message-ID"] = f"<{mail_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(content.text)
    if content.html:
        message.add_alternative(content.html, subtype="html")
    return message.as_bytes()


def place_of(table: str, column: str, row_id: str, account: str) -> Place:
    """Where something of mail is sealed."""
    return Place(table, column, row_id, account)


def _template_invalid(message: str) -> IamError:
    return invalid("template_invalid", message)
