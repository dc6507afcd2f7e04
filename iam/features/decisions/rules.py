"""Reading a batch of questions, and what one principal may ask about another. Pure."""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, TypeAlias

from iam.authz.questions import is_action, resource_defect
from iam.errors import IamError, invalid
from iam_policy import DocumentKind, Limits, PolicyError, parse_policy
from iam_policy.values import quick_value

MAX_TOKEN: Final = 16_384
MAX_CONTEXT_KEYS: Final = 100
MAX_CONTEXT_VALUES: Final = 100

_SESSION_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{2,64}")


@quick_value
class TokenSubject:
    """Asked about: whoever this access token speaks for."""

    token: str = field(repr=False)


@quick_value
class PrincipalSubject:
    """Asked about: the principal with this ARN."""

    arn: str


@quick_value
class SessionSubject:
    """Asked about: a session of this role, narrowed by a session policy if there is one."""

    role_arn: str
    name: str
    policy: str | None


Subject: TypeAlias = TokenSubject | PrincipalSubject | SessionSubject


@quick_value
class Evaluation:
    """One question."""

    subject: Subject
    action: str
    resource: str
    context: Mapping[str, Any]

    @property
    def action_prefix(self) -> str:
        """The service part of the action, folded."""
        return self.action.partition(":")[0].lower()


def parse_evaluations(body: Any, *, maximum: int, limits: Limits) -> list[Evaluation]:
    """Read `{"evaluations": [...]}`.

    Raises `IamError` of kind `invalid` that lists what is wrong and where, never the value.
    """
    if not isinstance(body, dict) or set(body) != {"evaluations"}:
        raise _invalid("$", "expected an object with the one member `evaluations`")
    questions = body["evaluations"]
    if not isinstance(questions, list) or not 1 <= len(questions) <= maximum:
        raise _invalid("$.evaluations", f"expected a list of 1 to {maximum} questions")
    return [
        _evaluation(one, f"$.evaluations[{index}]", limits) for index, one in enumerate(questions)
    ]


_SCALARS: Final = (str, bool, int, float)
_MEMBERS: Final = frozenset({"token", "principal", "session", "action", "resource", "context"})
_SUBJECTS: Final = ("token", "principal", "session")


def _evaluation(question: Any, path: str, limits: Limits) -> Evaluation:
    if not isinstance(question, dict):
        raise _invalid(path, "expected an object")
    if not question.keys() <= _MEMBERS:
        raise _invalid(path, f"expected only the members {', '.join(sorted(_MEMBERS))}")
    named = [member for member in _SUBJECTS if member in question]
    if len(named) != 1:
        raise _invalid(path, "expected exactly one of `token`, `principal` and `session`")
    action = question.get("action")
    if not isinstance(action, str) or not is_action(action):
        raise _invalid(f"{path}.action", "expected `service:VerbNoun`")
    return Evaluation(
        subject=_subject(named[0], question[named[0]], f"{path}.{named[0]}", limits),
        action=action,
        resource=_resource(question.get("resource"), f"{path}.resource"),
        context=_context(question.get("context", {}), f"{path}.context"),
    )


def _resource(value: Any, path: str) -> str:
    text = value if isinstance(value, str) else ""
    defect = resource_defect(text)
    if defect is not None:
        raise _invalid(path, defect)
    return text


def _subject(member: str, value: Any, path: str, limits: Limits) -> Subject:
    if member == "session":
        return _session(value, path, limits)
    if not isinstance(value, str) or not value:
        raise _invalid(path, "expected text")
    if member == "principal":
        return PrincipalSubject(value)
    if len(value) > MAX_TOKEN:
        raise _invalid(path, f"expected a token of at most {MAX_TOKEN} characters")
    return TokenSubject(value)


def _session(value: Any, path: str, limits: Limits) -> SessionSubject:
    if not isinstance(value, dict) or not value.keys() <= {"role", "name", "policy"}:
        raise _invalid(path, "expected an object with `role`, `name` and perhaps `policy`")
    role, name, policy = value.get("role"), value.get("name"), value.get("policy")
    if not isinstance(role, str):
        raise _invalid(f"{path}.role", "expected the ARN of a role")
    if not isinstance(name, str) or not _SESSION_NAME.fullmatch(name):
        raise _invalid(f"{path}.name", "expected 2 to 64 letters, digits or `+=,.@_-`")
    if policy is not None:
        policy = _policy(policy, f"{path}.policy", limits)
    return SessionSubject(role, name, policy)


def _policy(value: Any, path: str, limits: Limits) -> str:
    if not isinstance(value, str):
        raise _invalid(path, "expected a policy document as text")
    try:
        parse_policy(value, DocumentKind.SESSION, limits)
    except PolicyError as error:
        problems = [
            {"path": f"{path}:{defect.path}", "message": f"expected {defect.expected}"}
            for defect in error.defects
        ]
        message = "the session policy is not valid"
        raise invalid("validation_failed", message, errors=problems) from None
    return value


def _context(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > MAX_CONTEXT_KEYS:
        raise _invalid(path, f"expected an object with at most {MAX_CONTEXT_KEYS} keys")
    if len({key.lower() for key in value}) != len(value):
        raise _invalid(path, "two context keys differ only in case")
    for entry in value.values():
        if not _is_context_value(entry):
            raise _invalid(path, "expected values that are text, numbers, booleans, or lists of")
    return value


def _is_context_value(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= MAX_CONTEXT_VALUES and all(_is_scalar(entry) for entry in value)
    return _is_scalar(value)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, _SCALARS)


def _invalid(path: str, message: str) -> IamError:
    problem = {"path": path, "message": message}
    return invalid("validation_failed", "the request is not valid", errors=[problem])
