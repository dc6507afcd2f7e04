"""Wire shapes of mail. No answer has room for a password, or for what a mail said."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field

from iam.features.mail.rules import MAX_TEXT, Content
from iam.features.mail.shipped import Wording
from iam.features.principals.schemas import PRINTABLE, Input, Output
from iam.http import examples
from iam.models import Delivery, MailRoute, MailTemplate
from iam.work import UnitOfWork

Security = Literal["starttls", "tls", "none"]
State = Literal["pending", "delivered", "dead"]
Preference = Annotated[int, Field(ge=0, le=1000, description="the lowest is tried first")]
Host = Annotated[str, Field(min_length=1, max_length=253, examples=["smtp.shop.example"])]
Port = Annotated[int, Field(ge=1, le=65_535)]
MailAddress = Annotated[str, Field(min_length=3, max_length=254, examples=["iam@shop.example"])]
Username = Annotated[str, Field(min_length=1, max_length=320, pattern=PRINTABLE)]
Password = Annotated[str, Field(min_length=1, max_length=1000, pattern=PRINTABLE)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
_SECURITY = "`starttls` never goes on without; `none` needs IAM_OUTBOUND_ALLOW"

_ROUTE = {
    "name": "first",
    "preference": 10,
    "host": "smtp.shop.example",
    "port": 587,
    "security": "starttls",
    "sender": "iam@shop.example",
    "username": "iam",
}
_WORDING = {"subject": "Hello from {{ issuer }}", "text": "It arrived.", "html": ""}
_TIMES = {"created_at": examples.CREATED, "updated_at": examples.CHANGED, "version": 2}


class MailRouteIn(Input):
    """A server to send mail by."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_ROUTE))

    name: Annotated[str, Field(min_length=1, max_length=64)]
    preference: Preference = 10
    host: Host
    port: Port | None = Field(None, description="by default 587, 465 or 25, by the security")
    security: Security = Field("starttls", description=_SECURITY)
    sender: MailAddress
    username: Username | None = None
    password: Password | None = Field(None, repr=False)


class MailRoutePatch(Input):
    """What to change of a route; members that are left out stay as they are."""

    model_config = ConfigDict(json_schema_extra=examples.example(preference=20))

    preference: Preference | None = None
    host: Host | None = None
    port: Port | None = None
    security: Security | None = Field(None, description=_SECURITY)
    sender: MailAddress | None = None
    username: Username | None = None
    password: Password | None = Field(None, repr=False)


class MailRouteOut(Output):
    """A route, without its password."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            arn=examples.arn("mail-route/first"), **_ROUTE, has_password=True, **_TIMES
        )
    )

    arn: str
    name: str
    preference: int
    host: str
    port: int
    security: Security
    sender: str
    username: str | None
    has_password: bool
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="also the ETag")

    @classmethod
    def of(cls, uow: UnitOfWork, row: MailRoute) -> Self:
        """Present a row."""
        members = {name: getattr(row, name, None) for name in cls.model_fields}
        has_password = row.password_sealed is not None
        return cls.model_validate({**members, "arn": uow.arn(row), "has_password": has_password})


class WordingIn(Input):
    """What a mail is to say. `{{ name }}` stands for a value."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_WORDING))

    subject: Annotated[str, Field(min_length=1, max_length=200)]
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    html: Text = ""

    def wording(self) -> Wording:
        """The same for the rules."""
        return Wording(self.subject, self.text, self.html)


class MailTemplateOut(Output):
    """What mails of one kind say."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            arn=examples.arn("mail-template/test"),
            name="test",
            **_WORDING,
            is_shipped=False,
            **_TIMES,
        )
    )

    arn: str
    name: str
    subject: str
    text: str
    html: str
    is_shipped: bool = Field(description="the account has no text of its own")
    created_at: datetime | None
    updated_at: datetime | None
    version: int | None = Field(description="also the ETag; null of a shipped text")

    @classmethod
    def of(cls, uow: UnitOfWork, name: str, wording: Wording, row: MailTemplate | None) -> Self:
        """Present a template."""
        return cls(
            arn=uow.arn_of("iam", uow.caller.account, f"mail-template/{name}"),
            name=name,
            subject=wording.subject,
            text=wording.text,
            html=wording.html,
            is_shipped=row is None,
            created_at=row and row.created_at,
            updated_at=row and row.updated_at,
            version=row and row.version,
        )

    @classmethod
    def of_row(cls, uow: UnitOfWork, row: MailTemplate) -> Self:
        """Present an account's own text."""
        return cls.of(uow, row.name, Wording(row.subject, row.text, row.html), row)


class MailPreviewOut(Output):
    """What a mail would look like."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            subject="Hello from https://iam.shop.example", text="It arrived.", html=""
        )
    )

    subject: str
    text: str
    html: str

    @classmethod
    def of(cls, content: Content) -> Self:
        """Present what a template says."""
        return cls(subject=content.subject, text=content.text, html=content.html)


class TestMailIn(Input):
    """Where to send a test."""

    __test__ = False  # no test, whatever pytest makes of the name
    model_config = ConfigDict(json_schema_extra=examples.example(to="ana@shop.example"))

    to: MailAddress


class QueuedMailOut(Output):
    """A mail that is on its way."""

    model_config = ConfigDict(json_schema_extra=examples.example(id=examples.MAIL))

    id: str


class MailDeliveryOut(Output):
    """What became of a mail; never what it said, or to whom."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            id=examples.DELIVERY,
            mail_id=examples.MAIL,
            template="test",
            state="delivered",
            attempts=1,
            queued_at=examples.CHANGED,
            last_attempt_at=examples.CHANGED,
            last_status=250,
            last_reason=None,
            ended_at=examples.CHANGED,
        )
    )

    id: str
    mail_id: str
    template: str
    state: State
    attempts: int
    queued_at: datetime
    last_attempt_at: datetime | None
    last_status: int | None = Field(description="reply code of the last server")
    last_reason: str | None
    ended_at: datetime | None

    @classmethod
    def of(cls, row: Delivery) -> Self:
        """Present a row."""
        members = {name: getattr(row, name, None) for name in cls.model_fields}
        template = row.type.partition(".")[2]
        return cls.model_validate({**members, "mail_id": row.message_id, "template": template})
