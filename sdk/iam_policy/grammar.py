"""The grammar of policy documents, element by element; `iam_policy.document` is its door."""

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from iam_policy.condition_grammar import ConditionReader
from iam_policy.decision import EffectWord
from iam_policy.defects import DefectLog
from iam_policy.document import (
    CURRENT_VERSION,
    OLD_VERSION,
    Defect,
    DocumentKind,
    Limits,
    Policy,
    PolicyError,
    Statement,
)
from iam_policy.names import SEGMENTS
from iam_policy.principals import PrincipalError, PrincipalList, Principals
from iam_policy.strict_json import (
    DuplicateMemberError,
    JsonError,
    JsonLimits,
    Steps,
    parse_json,
    parse_repeating,
)
from iam_policy.variables import VariableError, compiled_pattern

_WITH_ID = {DocumentKind.RESOURCE, DocumentKind.TRUST}
_WITH_PRINCIPAL = {DocumentKind.RESOURCE, DocumentKind.TRUST, DocumentKind.RCP}
_SHORT_ARNS = {DocumentKind.IDENTITY, DocumentKind.BOUNDARY, DocumentKind.SESSION}
_GUARDRAILS = {DocumentKind.SCP, DocumentKind.RCP}
_STATEMENT_ELEMENTS = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
_PRINCIPAL_ELEMENTS = ("Principal", "NotPrincipal")
_PRINCIPAL_TYPES = ("IAM", "AWS", "Service", "Federated")

_SID = re.compile(r"[A-Za-z0-9]*")
_ACTION = re.compile(r"\*|[A-Za-z0-9_.-]+:[A-Za-z0-9_.*?-]+")
_FOREIGN = re.compile(r"[^\t\n\r\x20-\xff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class DocumentReader:
    """Reads one document and collects what is wrong with it."""

    def __init__(self, kind: DocumentKind, limits: Limits, *, imported: bool) -> None:
        self._kind = kind
        self._limits = limits
        self._imported = imported
        self._variables = False
        self._defects = DefectLog()
        self._conditions = ConditionReader(self._defects, limits, variables=False)

    def read(self, text: str | bytes) -> Policy:
        """Return the policy; raises `PolicyError` with every defect found."""
        document = self._load(text)
        version, identifier = self._head(document)
        self._variables = version == CURRENT_VERSION
        self._conditions = ConditionReader(self._defects, self._limits, variables=self._variables)
        statements = self._statements(document.get("Statement"))
        if self._defects:
            raise PolicyError(self._defects.all())
        return Policy(self._kind, version, identifier, statements)

    def _load(self, text: str | bytes) -> dict[str, Any]:
        document = self._parsed(text)
        raw = text if isinstance(text, str) else text.decode()
        # JSON lets no control character through, so ASCII text needs no further look.
        if not raw.isascii() and (found := _FOREIGN.search(raw)):
            self._defects.add((), found[0], "characters U+0009, U+000A, U+000D, U+0020 to U+00FF")
        if len(raw) > (most := self._limits.characters[self._kind]):
            size = len(raw) if self._kind in _GUARDRAILS else len("".join(raw.split()))
            if size > most:
                self._defects.say((), f"{size} characters", f"at most {most}")
        if not isinstance(document, dict):
            self._defects.add((), document, "an object with Version and Statement")
            raise PolicyError(self._defects.all())
        return document

    def _parsed(self, text: str | bytes) -> Any:
        limits = JsonLimits(max_bytes=self._limits.raw_bytes)
        try:
            try:
                return parse_json(text, limits)
            except DuplicateMemberError:
                document, repeated = parse_repeating(text, limits)
        except JsonError as error:
            raise PolicyError((Defect("$", error.reason, "a JSON policy document"),)) from None
        for steps in repeated:
            self._defects.say(steps, "this member twice", "each member once")
        return document

    def _head(self, document: Mapping[str, Any]) -> tuple[str, str | None]:
        known = (
            {"Version", "Id", "Statement"} if self._kind in _WITH_ID else {"Version", "Statement"}
        )
        self._refuse_unknown(document, (), known)
        version = document.get("Version", OLD_VERSION)
        if version not in (CURRENT_VERSION, OLD_VERSION):
            self._defects.add(("Version",), version, f'"{CURRENT_VERSION}"')
        identifier = document.get("Id")
        if identifier is not None and not isinstance(identifier, str):
            self._defects.add(("Id",), identifier, "a text")
        return str(version), identifier if isinstance(identifier, str) else None

    def _refuse_unknown(self, found: Mapping[str, Any], way: Steps, known: set[str]) -> None:
        for name in () if found.keys() <= known else found:
            if name not in known:
                self._defects.say((*way, name), "this element", _one_of(known))

    def _statements(self, found: Any) -> tuple[Statement, ...]:
        if isinstance(found, dict):
            return tuple(filter(None, [self._statement(found, 0, ("Statement",))]))
        if not isinstance(found, list) or not found:
            self._defects.add(("Statement",), found, "a statement, or a list of at least one")
            return ()
        if len(found) > self._limits.statements:
            expected = f"at most {self._limits.statements} statements"
            self._defects.say(("Statement",), f"{len(found)} statements", expected)
            return ()
        statements = [
            self._statement(one, index, ("Statement", index)) for index, one in enumerate(found)
        ]
        kept = tuple(filter(None, statements))
        self._refuse_equal_sids(kept)
        return kept

    def _refuse_equal_sids(self, statements: tuple[Statement, ...]) -> None:
        seen: set[str] = set()
        for statement in statements:
            if statement.sid in seen:
                way = ("Statement", statement.index, "Sid")
                self._defects.add(way, statement.sid, "a Sid that no other statement has")
            if statement.sid:
                seen.add(statement.sid)

    def _statement(self, found: Any, index: int, way: Steps) -> Statement | None:
        if not isinstance(found, dict):
            self._defects.add(way, found, "an object")
            return None
        self._refuse_unknown(found, way, _STATEMENT_ELEMENTS)
        effect = self._effect(found, way)
        actions, not_action = self._either(found, way, "Action", self._action)
        resources: tuple[str, ...] = ()
        not_resource = False
        if self._kind is DocumentKind.TRUST:
            self._refuse_present(found, way, "Resource", "nothing: the role itself is meant")
        else:
            resources, not_resource = self._either(found, way, "Resource", self._resource)
        return Statement(
            index=index,
            sid=self._sid(found, way) if "Sid" in found else None,
            effect=effect,
            actions=actions,
            not_action=not_action,
            resources=resources,
            not_resource=not_resource,
            principals=self._principals(found, way, effect),
            clauses=self._conditions.read(found["Condition"], (*way, "Condition"))
            if "Condition" in found
            else (),
        )

    def _sid(self, found: Mapping[str, Any], way: Steps) -> str | None:
        sid = found.get("Sid")
        if not isinstance(sid, str) or not _SID.fullmatch(sid):
            self._defects.add((*way, "Sid"), sid, "letters A-Z, a-z and digits")
            return None
        return sid or None

    def _effect(self, found: Mapping[str, Any], way: Steps) -> EffectWord:
        effect = found.get("Effect")
        if effect not in ("Allow", "Deny"):
            self._defects.add((*way, "Effect"), effect, '"Allow" or "Deny"')
            return "Deny"
        return cast("EffectWord", effect)

    def _refuse_present(
        self, found: Mapping[str, Any], way: Steps, name: str, expected: str
    ) -> None:
        for element in (name, f"Not{name}"):
            if element in found:
                self._defects.say((*way, element), "this element", expected)

    def _either(
        self,
        found: Mapping[str, Any],
        way: Steps,
        name: str,
        check: Callable[[str, Steps], str | None],
    ) -> tuple[tuple[str, ...], bool]:
        """Read exactly one of X and NotX, each one text or a list of texts."""
        negated = f"Not{name}"
        if (name in found) == (negated in found):
            number = "both" if name in found else "neither"
            self._defects.say(way, number, f"exactly one of {name} and {negated}")
            return (), False
        element = name if name in found else negated
        values = found[element]
        if isinstance(values, str):  # mostly
            only = check(values, (*way, element))
            return () if only is None else (only,), element == negated
        checked = [check(value, where) for where, value in self._texts(values, (*way, element))]
        return tuple([value for value in checked if value is not None]), element == negated

    def _texts(self, found: Any, way: Steps) -> list[tuple[Steps, str]]:
        """Return (way, text) of one text or of a list of texts."""
        values = found if isinstance(found, list) else [found]
        if not values:
            self._defects.add(way, found, "at least one value")
        texts = []
        for index, value in enumerate(values):
            where = (*way, index) if isinstance(found, list) else way
            if isinstance(value, str):
                texts.append((where, value))
            else:
                self._defects.add(where, value, "a text")
        return texts

    def _action(self, action: str, way: Steps) -> str | None:
        if not self._defects.is_bounded(action, way, self._limits):
            return None
        if not _ACTION.fullmatch(action):
            self._defects.add(way, action, "service:Action, with * and ? in the action, or * alone")
            return None
        return action

    def _resource(self, resource: str, way: Steps) -> str | None:
        if not self._defects.is_bounded(resource, way, self._limits):
            return None
        is_clean = resource.isprintable() or not _CONTROL.search(resource)  # the quick answer first
        if not is_clean or not (resource == "*" or resource.startswith("arn:")):
            self._defects.add(way, resource, "an ARN, with * and ? allowed, or * alone")
            return None
        if self._variables and "${" in resource:
            try:
                compiled_pattern(resource, variables=True)  # kept until it is wanted
            except VariableError as error:
                self._defects.add(way, resource, str(error))
                return None
        return self._completed(resource, way)

    def _completed(self, resource: str, way: Steps) -> str | None:
        head = resource.partition("${")[0] if self._variables else resource
        missing = SEGMENTS - 1 - head.count(":")
        if resource == "*" or missing <= 0:
            return resource
        if head != resource:
            self._defects.add(way, resource, "no variable before the fifth colon")
            return None
        if self._kind not in _SHORT_ARNS:
            self._defects.add(way, resource, "an ARN of six segments")
            return None
        return resource + ":*" * missing

    def _principals(
        self, found: Mapping[str, Any], way: Steps, effect: EffectWord
    ) -> Principals | None:
        if self._kind not in _WITH_PRINCIPAL:
            if found.keys().isdisjoint(_PRINCIPAL_ELEMENTS):
                return None
            self._refuse_present(found, way, "Principal", "no principal in this kind of policy")
            return None
        names = [name for name in _PRINCIPAL_ELEMENTS if name in found]
        if not names and self._kind is DocumentKind.RCP:
            return None  # a guardrail for resources binds everyone, said or not
        if len(names) != 1:
            number = "both" if names else "neither"
            self._defects.say(way, number, "exactly one of Principal and NotPrincipal")
            return None
        element = names[0]
        where = (*way, element)
        principals = self._principal_list(found[element], where, negated=element != "Principal")
        self._check_use(principals, where, effect)
        return None if self._kind is DocumentKind.RCP else principals

    def _principal_list(self, found: Any, way: Steps, *, negated: bool) -> Principals:
        principals = PrincipalList()
        if found == "*":
            principals.everyone = True
            return principals.build(negated=negated)
        if not isinstance(found, dict) or not found:
            self._defects.add(way, found, '"*", or an object such as {"IAM": "arn:..."}')
            return principals.build(negated=negated)
        for kind, values in found.items():
            where = (*way, kind)
            if kind not in _PRINCIPAL_TYPES:
                self._defects.say(where, "this type", _one_of(set(_PRINCIPAL_TYPES)))
                continue
            for place, value in self._texts(values, where):
                self._add_principal(principals, kind, value, place)
        return principals.build(negated=negated)

    def _add_principal(self, principals: PrincipalList, kind: str, value: str, way: Steps) -> None:
        add = {"Service": principals.add_service, "Federated": principals.add_federated}
        try:
            add.get(kind, principals.add_account_or_arn)(value)
        except PrincipalError as error:
            self._defects.add(way, value, str(error))

    def _check_use(self, principals: Principals, way: Steps, effect: EffectWord) -> None:
        if self._kind is DocumentKind.RCP and (principals.negated or not principals.everyone):
            self._defects.say(way, "named principals", 'Principal "*" only')
        elif self._kind is DocumentKind.TRUST and principals.negated:
            self._defects.say(way, "this element", "Principal in a trust policy")
        elif principals.negated and principals.everyone:
            self._defects.add(way, "*", "principals to except; * excepts everyone")
        elif principals.negated and effect == "Allow" and not self._imported:
            self._defects.say(way, "this element with Allow", "Principal, or Effect Deny")


def _one_of(names: set[str]) -> str:
    return "one of " + ", ".join(sorted(names))
