"""The mails that there are: which values each has, and what it says unless an account says else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Wording:
    """A template: a subject, a plain text, and perhaps HTML."""

    subject: str
    text: str
    html: str = ""


@dataclass(frozen=True, slots=True)
class ShippedTemplate:
    """One kind of mail.

    Attributes:
        wording: What it says.
        examples: Its values, with what a preview shows for them.
    """

    wording: Wording
    examples: Mapping[str, str]

    @property
    def values(self) -> frozenset[str]:
        """The names of its values."""
        return frozenset(self.examples)


TEMPLATES: Final[Mapping[str, ShippedTemplate]] = {
    "test": ShippedTemplate(
        Wording(
            subject="A test of the mail of {{ issuer }}",
            text=(
                "Hello,\n\n{{ sender }} wanted to see whether mail of {{ issuer }} arrives.\n"
                "It does.\n"
            ),
            html=(
                "<p>Hello,</p><p>{{ sender }} wanted to see whether mail of {{ issuer }} "
                "arrives. It does.</p>"
            ),
        ),
        {"issuer": "https://iam.shop.example", "sender": "arn:iam:iam::main:user/ana"},
    ),
    "credential_expiring": ShippedTemplate(
        Wording(
            subject="A credential of {{ holder }} expires on {{ expires_at }}",
            text=(
                "Hello,\n\nthe credential {{ credential }} of {{ holder }} expires on "
                "{{ expires_at }}.\nMake a new one in time: {{ issuer }}\n"
            ),
        ),
        {
            "issuer": "https://iam.shop.example",
            "holder": "arn:iam:iam::main:service/billing",
            "credential": "crd_01kjpwmh00evyaaxfd41v90agc",
            "expires_at": "2026-06-01",
        },
    ),
}
"""By name. Names and values are only ever added: accounts have texts of their own."""
