"""Documents into compiled form: patterns cut, operators bound, ready to be indexed.

Compiling costs tens of microseconds, so it is done once for each text: the cache is keyed by the
SHA-256 of kind and text, and two principals with the same policy share one compiled object.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from iam_policy.conditions import Condition, bind_condition
from iam_policy.decision import EffectWord
from iam_policy.document import (
    DEFAULT_LIMITS,
    DocumentKind,
    Limits,
    Policy,
    PolicyError,
    Statement,
    parse_policy,
)
from iam_policy.globs import glob_matcher
from iam_policy.principals import Naming, Principals
from iam_policy.request import Principal
from iam_policy.values import quick_value
from iam_policy.variables import Env, compiled_pattern, tokenize_glob

_CACHE_SIZE = 4_096
_cache: OrderedDict[str, "CompiledPolicy"] = OrderedDict()


@quick_value
class ActionPattern:
    """One action pattern in lower case; ``service`` is None for ``*`` alone."""

    text: str
    service: str | None
    matches: Callable[[str], bool] | None
    """None for an action without wildcards, which is looked up, not matched."""


class CompiledStatement:
    """One statement, its patterns and its condition ready to run."""

    __slots__ = (
        "actions",
        "clauses",
        "condition",
        "effect",
        "index",
        "not_action",
        "not_resource",
        "principals",
        "resources",
        "sid",
        "variables",
    )

    def __init__(self, statement: Statement, *, variables: bool) -> None:
        self.variables = variables
        self.index: int = statement.index
        self.sid: str | None = statement.sid
        self.effect: EffectWord = statement.effect
        self.principals: Principals | None = statement.principals
        self.actions = tuple([_action(action.lower()) for action in statement.actions])
        self.not_action: bool = statement.not_action
        self.resources = tuple(
            [compiled_pattern(resource, variables=variables) for resource in statement.resources]
        )
        self.not_resource: bool = statement.not_resource
        self.clauses = tuple(
            [(clause, bind_condition(*clause, variables=variables)) for clause in statement.clauses]
        )
        self.condition = _all_of([condition for _, condition in self.clauses])

    def matches_action(self, action: str) -> bool:
        """Match an action in lower case against Action or NotAction."""
        for pattern in self.actions:
            if pattern.text == action or (pattern.matches is not None and pattern.matches(action)):
                return not self.not_action
        return self.not_action

    def matches_resource(self, resource: str, env: Env) -> bool:
        """Match a resource against Resource or NotResource; a trust policy has neither."""
        if not self.resources:
            return True
        for pattern in self.resources:
            if pattern.matches(resource, env):
                return not self.not_resource
        return self.not_resource

    def names(self, caller: Principal, *, bounded: bool) -> Naming:
        """Tell how Principal or NotPrincipal names the caller; without either, it is everyone.

        NotPrincipal with Deny spares no caller that has a permissions boundary, listed or not
        (``reference_policies_elements_notprincipal``). NotPrincipal with Allow, in old documents,
        grants to everyone who is not listed in any way.
        """
        principals = self.principals
        if principals is None:
            return Naming.DIRECT
        if not principals.negated:
            return principals.naming(caller)
        if self.effect == "Deny":
            spared = principals.escapes(caller) and not bounded
        else:
            spared = principals.naming(caller) is not Naming.NONE
        return Naming.NONE if spared else Naming.DIRECT


class CompiledPolicy:
    """A compiled document; equal and hashable by what it was compiled from.

    Attributes:
        content_hash: SHA-256 of kind and text, in hexadecimal.
        kind: What it was parsed as.
        statements: Its statements in order.
        finding: Why a stored document could not be compiled; it then denies everything.
    """

    __slots__ = ("content_hash", "finding", "kind", "statements")

    def __init__(
        self,
        content_hash: str,
        kind: DocumentKind,
        statements: tuple[CompiledStatement, ...],
        finding: str | None = None,
    ) -> None:
        self.content_hash = content_hash
        self.kind = kind
        self.statements = statements
        self.finding = finding

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CompiledPolicy) and other.content_hash == self.content_hash

    def __hash__(self) -> int:
        return hash(self.content_hash)


def compile_policy(
    text: str,
    kind: DocumentKind,
    limits: Limits = DEFAULT_LIMITS,
    *,
    imported: bool = False,
) -> CompiledPolicy:
    """Parse and compile a document, or return what was compiled from the same text before.

    The limits bind when a text is first seen; they are no part of the cache's key.

    Raises:
        PolicyError: the document has defects.
    """
    form = f"{kind}+imported" if imported else kind
    digest = hashlib.sha256(f"{form}\0{text}".encode(errors="surrogatepass")).hexdigest()
    compiled = _cache.pop(digest, None)
    if compiled is None:
        policy = parse_policy(text, kind, limits, imported=imported)
        compiled = CompiledPolicy(digest, kind, compile_parsed(policy))
        while len(_cache) >= _CACHE_SIZE:
            _cache.popitem(last=False)
    _cache[digest] = compiled  # last in order: most recently used
    return compiled


def compile_parsed(policy: Policy) -> tuple[CompiledStatement, ...]:
    """Compile the statements of a document that is parsed already."""
    variables = policy.has_variables
    return tuple(
        [CompiledStatement(statement, variables=variables) for statement in policy.statements]
    )


def compile_stored(text: str, kind: DocumentKind) -> CompiledPolicy:
    """Compile a document that was accepted before; never raises.

    A text that no longer parses (written by a newer release, damaged in storage) gives a policy
    with a finding: it denies every decision it takes part in, and the decision says so.
    """
    try:
        return compile_policy(text, kind, _STORED)
    except PolicyError as error:
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        finding = f"a stored {kind} policy is defective at {error.defects[0].path}"
        return CompiledPolicy(digest, kind, (), finding)


# Sizes are checked when a document is saved, and are settings: a later, smaller limit must not
# turn stored documents into defective ones.
_STORED = Limits(characters=dict.fromkeys(DocumentKind, DEFAULT_LIMITS.raw_bytes))


@lru_cache(maxsize=512)  # the same few names in many documents, and then kept once
def _action(action: str) -> ActionPattern:
    if action == "*":
        return ActionPattern(action, None, lambda _: True)
    service = action.partition(":")[0]
    if "*" not in action and "?" not in action:
        return ActionPattern(action, service, None)
    if "*" not in (prefix := action[:-1]) and "?" not in action:
        return ActionPattern(action, service, lambda asked: asked.startswith(prefix))
    return ActionPattern(action, service, glob_matcher(tokenize_glob(action)))


def _all_of(conditions: list[Condition]) -> Condition | None:
    if not conditions:
        return None
    if len(conditions) == 1:
        return conditions[0]

    def holds(env: Env) -> bool:
        for condition in conditions:  # noqa: SIM110 -- a loop is half the cost of all() here
            if not condition(env):
                return False
        return True

    return holds
