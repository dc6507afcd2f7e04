"""One company, from which every example of the OpenAPI document is taken, and how they are shown.

Finance looks after `billing`, whose invoices `orders` reads; Ana Costa works on both. Names that
end in `.example` are nobody's (RFC 2606); no id here was ever given out.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

ACCOUNT: Final = "main"
ISSUER: Final = "https://iam.shop.example"

ANA: Final = "usr_01kjpstsx0e8qa3cjrr1kh0abd"
FINANCE: Final = "grp_01kjpt7m20e0qbh07dc07a8d97"
BILLING: Final = "svc_01kjptme70evsrnfqrrs9w4xwm"
ORDERS: Final = "svc_01kjpv18c0ed8v6f2dkd3f5925"
DEPLOY: Final = "rol_01kjpve2h0e01rxv2kps59y7qg"
READ_INVOICES: Final = "pol_01kjpvtwp0e0rvtamfx1d1w5yf"
DEVELOPERS_AT_MOST: Final = "pol_01kjpw7pv0e0ntft95zmqz2vjt"
CATALOGUE: Final = "cat_01kjpy44e0ed3rn2xsvvmkyj40"
KEEP_AUDIT_LOG: Final = "grd_01kjpw2c10ekp8d3v5y7tq90zr"
INVOICE_POLICY: Final = "rsp_01kjpw9e60e7vr4m6x8zb1d3k2"
CREDENTIAL: Final = "crd_01kjpwmh00evyaaxfd41v90agc"
WEBHOOK: Final = "whk_01kjpx2sk0e1m8rt5c0v6w9bqz"
MAIL: Final = "eml_01kjpy7sm2e6t8vb3x5c0z9k1d"
DELIVERY: Final = "dlv_01kjpy7sm1e9qakx7d4n3p8jhw"
TOKEN: Final = "tok_01kjpxtzf0ebza4s9w6km5maq6"  # noqa: S105 -- no token, but its id
JOB_RUN: Final = "run_01kjpzk3w0ea6v1m9q4t7x2c5d"
EVENT: Final = "evt_01kjpy7sm0e5vsbm4yaxp94gsw"
DECISION: Final = "dec_01kjpymks0ebntxsynhd867qmm"
REQUEST: Final = "req_01kjpz1dy0eh4tn4q2b3vkhbaq"
KID: Final = "wd9CuQVQjFvxsGiYWz_PmIV_K5nCZr5jHJxTmbKpZvE"
TAGS: Final = {"team": "finance"}

CREATED: Final = "2026-03-02T08:15:00Z"
CHANGED: Final = "2026-05-11T14:02:37Z"
ENDS: Final = "2026-06-01T08:15:00Z"

INVOICES: Final = "arn:iam:billing::main:invoice/*"
DOCUMENT: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "billing:Get*", "Resource": INVOICES}],
}
TRUST_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"IAM": "arn:iam:iam::main:service/orders"},
            "Action": "sts:AssumeRole",
        }
    ],
}
GUARDRAIL: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "audit:Delete*", "Resource": "*"}],
}
INVOICE: Final = "arn:iam:billing::main:invoice/42"
RESOURCE_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"IAM": "arn:iam:iam::main:service/orders"},
            "Action": "billing:GetInvoice",
            "Resource": INVOICE,
        }
    ],
}
AUDIT_JWK: Final = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "alg": "EdDSA",
    "use": "sig",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
}
PUBLIC_JWK: Final = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "alg": "ES256",
    "use": "sig",
    "kid": KID,
}
"""The public half of the key of RFC 7515 appendix A.3.1, which signs nothing of anybody's."""


def arn(resource: str) -> str:
    """The ARN of something of the company's."""
    return f"arn:iam:iam::{ACCOUNT}:{resource}"


def example(**members: Any) -> dict[str, Any]:
    """What a model adds to its JSON schema: one example, these members."""
    return {"examples": [members]}


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """The example that a model shows of itself."""
    shown: dict[str, Any] = model.model_json_schema(mode="serialization")["examples"][0]
    return shown


def differing(model: type[BaseModel], members: Mapping[str, Any]) -> dict[str, Any]:
    """The content of an answer whose example is the model's, but for these members."""
    return {"application/json": {"example": {**example_of(model), **members}}}
