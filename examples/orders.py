"""Orders: shows an order with its invoice, which it gets from billing in its own name.

Needs IAM_ISSUER (and IAM_URL), IAM_CLIENT_ID and IAM_CLIENT_SECRET_FILE: who it is; BILLING_URL and
BILLING_AUDIENCE: where billing is, and who it is. Start it with

    uvicorn --app-dir examples orders:app --port 9001
"""

import os
from typing import Any

import httpx2
from fastapi import FastAPI

import iam_sdk

iam = iam_sdk.connect()
billing = httpx2.AsyncClient(
    base_url=os.environ["BILLING_URL"],
    auth=iam.async_auth(os.environ["BILLING_AUDIENCE"]),
)

app = FastAPI(title="orders")


@app.get("/orders/{id}")
async def get_order(id: str) -> dict[str, Any]:  # noqa: A002 -- the word of the API
    """An order, and what billing said when it was asked for the invoice."""
    try:
        answer = await billing.get(f"/invoices/{id}")
    except iam_sdk.IamSdkError as error:  # there is no token to be had: billing was not asked
        return {"order": id, "billing": {"status": None, "said": {"code": str(error.reason)}}}
    return {"order": id, "billing": {"status": answer.status_code, "said": answer.json()}}


@app.get("/health")
async def health() -> str:
    """Whether it runs."""
    return "ok"
