"""Orders: shows an order with its invoice, which it gets from billing in its own name.

Needs IAM_ISSUER (and IAM_URL), IAM_CLIENT_ID and IAM_CLIENT_SECRET_FILE: who it is; BILLING_URL and
BILLING_AUDIENCE: where billing is, and who it is. Start it with

    uvicorn --app-dir examples orders:app --port 9001
"""

import os

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import iam_sdk

iam = iam_sdk.connect()
billing = httpx2.AsyncClient(
    base_url=os.environ["BILLING_URL"],
    auth=iam.async_auth(os.environ["BILLING_AUDIENCE"]),
)


async def get_order(request: Request) -> JSONResponse:
    """An order, and what billing said when it was asked for the invoice."""
    order = request.path_params["id"]
    try:
        answer = await billing.get(f"/invoices/{order}")
    except iam_sdk.IamSdkError as error:  # there is no token to be had: billing was not asked
        status, said = None, {"code": str(error.reason)}
    else:
        status, said = answer.status_code, answer.json()
    return JSONResponse({"order": order, "billing": {"status": status, "said": said}})


async def health(_: Request) -> JSONResponse:
    """Whether it runs."""
    return JSONResponse("ok")


app = Starlette(routes=[Route("/orders/{id}", get_order), Route("/health", health)])
