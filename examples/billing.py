"""Billing: shows invoices to callers whom a policy allows.

It has an identity of its own, for asking; it checks by itself whose token it was given, and asks
what that caller may do. Needs IAM_ISSUER (and IAM_URL), IAM_CLIENT_ID, IAM_CLIENT_SECRET_FILE and
IAM_AUDIENCE: what callers' tokens must be for. Start it with

    uvicorn --app-dir examples billing:app --port 9002
"""

from typing import Annotated

from fastapi import Depends, FastAPI

import iam_sdk
from iam_sdk import IamMiddleware, Identity, require

iam = iam_sdk.connect()

app = FastAPI(title="billing")
app.add_middleware(
    IamMiddleware,
    verifier=iam.verifier,
    authorizer=iam.async_authorizer,
    public_paths=["/health"],
)

may_read = require("billing:GetInvoice", resource="arn:iam:billing::main:invoice/{id}")


@app.get("/invoices/{id}")
async def get_invoice(id: str, caller: Annotated[Identity, Depends(may_read)]) -> dict[str, str]:  # noqa: A002 -- the resource's ARN speaks of {id}
    """One invoice. Who comes here has a valid token for billing, and may read this very one."""
    return {"invoice": id, "total": "42.00 EUR", "shown_to": caller.arn}


@app.get("/health")
async def health() -> str:
    """Whether it runs; the one thing that anybody may ask."""
    return "ok"
