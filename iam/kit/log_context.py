"""What every log line of a request says besides its own: whose request it is.

Kept beside the call, so that a line deep below need not be handed it. The edge begins it; who finds
out more, adds it.
"""

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any


class RequestContext:
    """One request, as log lines tell of it.

    Attributes:
        request_id: Ties log lines and audit entries to the answer.
        principal: The ARN of the caller, once it is proven.
        decision_id: The decision that allowed or refused it, the last of several.
    """

    __slots__ = ("decision_id", "principal", "request_id")

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.principal: str | None = None
        self.decision_id: str | None = None

    def add_to(self, event: MutableMapping[str, Any]) -> None:
        """Add what is known to a log line; what the line says itself stays."""
        event.setdefault("request_id", self.request_id)
        if self.principal is not None:
            event.setdefault("principal", self.principal)
        if self.decision_id is not None:
            event.setdefault("decision_id", self.decision_id)


REQUEST: ContextVar[RequestContext | None] = ContextVar("iam_request", default=None)
"""The request that is being handled; `None` for what nobody asked for."""


def note_principal(arn: str) -> None:
    """The caller of the present request is proven."""
    request = REQUEST.get()
    if request is not None:
        request.principal = arn


def note_decision(decision_id: str) -> None:
    """A decision was made about the present request."""
    request = REQUEST.get()
    if request is not None:
        request.decision_id = decision_id
