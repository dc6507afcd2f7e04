"""A second evaluator, as slow and plain as possible, to hold the engine against.

It reads the JSON documents on every decision, walks every statement of every layer in turn, and
shares no code with the engine. It knows the whole language, but reads no document that the grammar
refuses; `reference_values` compares the values of conditions.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.sdk.iam_policy.reference_values import Context, compare, glob, like, lookup

Document = dict[str, Any]


@dataclass(frozen=True)
class Question:
    arn: str | None
    account: str | None
    action: str
    resource: str
    owner: str
    context: Context
    identifier: str | None = None


@dataclass(frozen=True)
class Policies:
    identity: list[Document] = field(default_factory=list)
    boundary: list[Document] | None = None
    sessions: list[Document] | None = None
    resource: list[Document] | None = None
    scps: list[list[Document]] = field(default_factory=list)
    rcps: list[list[Document]] = field(default_factory=list)
    required: bool = False


def decide(question: Question, policies: Policies) -> str:
    scps = [] if _outsider(question) else policies.scps
    everything: list[Document] = [*policies.identity, *(policies.boundary or [])]
    everything += policies.sessions or []
    everything += [document for level in [*scps, *policies.rcps] for document in level]
    if any(_applies(question, one, "Deny") for one in everything):
        return "explicitDeny"
    if _resource_denies(question, policies):
        return "explicitDeny"
    if not all(_allows(question, level) for level in [*policies.rcps, *scps]):
        return "implicitDeny"
    return "allowed" if _granted(question, policies) else "implicitDeny"


def _granted(question: Question, policies: Policies) -> bool:
    session = ":assumed-role/" in (question.arn or "")
    federated = ":federated-user/" in (question.arn or "")
    bounded = policies.boundary is None or _allows(question, policies.boundary)
    passed = not federated
    if policies.sessions is not None:
        passed = _allows(question, policies.sessions)
    root = (question.arn or "").endswith(":root")
    identity = (root or _allows(question, policies.identity)) and bounded and passed
    names = _named(question, policies.resource)
    if _outsider(question):
        return bool(names) and (policies.sessions is None or passed)
    if question.account != question.owner:
        return bool(names) and identity
    if "direct" in names and (session or federated or policies.sessions is None or passed):
        return True
    if "source" in names and bounded and passed:
        return True
    return identity and (bool(names) or not policies.required)


def _outsider(question: Question) -> bool:
    return question.arn is None or not question.arn.startswith("arn:")


def _allows(question: Question, documents: list[Document]) -> bool:
    return any(_applies(question, document, "Allow") for document in documents)


def _applies(question: Question, document: Document, effect: str) -> bool:
    return any(_matches(question, one, document) for one in _statements(document, effect))


def _statements(document: Document, effect: str) -> list[Document]:
    return [one for one in _many(document["Statement"]) if one["Effect"] == effect]


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _named(question: Question, documents: list[Document] | None) -> set[str]:
    names: set[str] = set()
    for document in documents or []:
        for one in _statements(document, "Allow"):
            if _matches(question, one, document):
                if "NotPrincipal" in one:
                    names |= set() if _names(question, one["NotPrincipal"]) else {"direct"}
                else:
                    names |= _names(question, one["Principal"])
    return names


def _resource_denies(question: Question, policies: Policies) -> bool:
    for document in policies.resource or []:
        for one in _statements(document, "Deny"):
            if not _matches(question, one, document):
                continue
            if "Principal" in one and _names(question, one["Principal"]):
                return True
            if "NotPrincipal" in one:
                names = _names(question, one["NotPrincipal"])
                wanted = {"direct", "source", "account"} if _is_session(question) else {"direct"}
                if (question.arn or "").endswith(":root"):
                    wanted = {"account"}
                if policies.boundary is not None or not wanted <= names:
                    return True
    return False


def _names(question: Question, principal: Any) -> set[str]:
    if principal == "*":
        return {"direct"}
    names: set[str] = set()
    for kind, values in principal.items():
        for value in _many(values):
            names |= _names_value(question, kind, value)
    return names


def _names_value(question: Question, kind: str, value: str) -> set[str]:
    arn, account = question.arn, question.account
    if value == "*" or (kind == "Service" and value == arn):
        return {"direct"}
    if kind == "Service" or arn is None or _outsider(question):
        return set()
    session = _is_session(question)
    role = arn.partition(":assumed-role/")[2].split("/")[0]
    parts = value.split(":")
    is_role = role != "" and ":role/" in value and parts[4] == account
    is_account = value.endswith(":root") and parts[2] == "iam" and parts[4] == account
    is_known = value == question.identifier
    names = {
        "account": value == account or is_account,
        # The root's ARN names the account, also when it is the root itself that asks.
        "direct": (value == arn and not is_account) or (is_known and not session),
        "source": (is_role and value.endswith(f"/{role}")) or (is_known and session),
    }
    return {name for name, is_named in names.items() if is_named}


def _is_session(question: Question) -> bool:
    arn = question.arn or ""
    return ":assumed-role/" in arn or ":federated-user/" in arn


def _completed(resource: str) -> str:
    """A short ARN means any of what it does not say."""
    return resource if resource == "*" else resource + ":*" * (5 - resource.count(":"))


def _matches(question: Question, one: Document, document: Document) -> bool:
    variables = document.get("Version") == "2012-10-17"
    actions = _many(one.get("Action", one.get("NotAction")))
    action = any(glob(list(a.lower()), question.action.lower()) for a in actions)
    if action != ("Action" in one):
        return False
    if "Resource" in one or "NotResource" in one:
        patterns = _many(one.get("Resource", one.get("NotResource")))
        resource = any(
            like(_completed(r), question.resource, question.context, variables) for r in patterns
        )
        if resource != ("Resource" in one):
            return False
    return all(
        _condition(operator, key, _many(values), question.context, variables)
        for operator, keys in one.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _condition(
    operator: str, key: str, wanted: list[Any], context: Context, variables: bool
) -> bool:
    value = lookup(context, key)
    if operator == "Null":
        return any((value in (None, [])) == (str(word).lower() == "true") for word in wanted)
    base = operator.rpartition(":")[2].removesuffix("IfExists")
    negated = "Not" in base
    positive = base.replace("Not", "")
    values = [] if value is None else _many(value)
    results = [compare(positive, one, wanted, context, variables) for one in values]
    held = [result is not None and result != negated for result in results]
    if operator.startswith("ForAllValues:"):
        return all(held)
    if value is None:
        return operator.endswith("IfExists") or (negated and "ForAny" not in operator)
    if operator.startswith("ForAnyValue:"):
        return any(held)
    return not isinstance(value, list) and held[0]
