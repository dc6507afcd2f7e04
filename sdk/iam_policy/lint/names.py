"""Names against the registered catalogues: actions, condition keys, resources."""

from collections.abc import Iterator

from iam_policy.document import Statement
from iam_policy.lint.finding import Rule, Severity, Spot
from iam_policy.lint.subject import Subject
from iam_policy.lint.vocabulary import fits
from iam_policy.names import SEGMENTS


def _known_patterns(subject: Subject) -> Iterator[tuple[Statement, str, str]]:
    """Yield (statement, path, pattern) of actions whose prefix is registered."""
    for statement in subject.policy.statements:
        for path, pattern in subject.actions(statement):
            if subject.vocabulary.knows_service(pattern.partition(":")[0]):
                yield statement, path, pattern


def _unknown_action(subject: Subject) -> Iterator[Spot]:
    for _, path, pattern in _known_patterns(subject):
        if not subject.vocabulary.matching(pattern):
            similar = subject.vocabulary.similar_action(pattern)
            hint = f"; did you mean `{similar}`?" if similar else ""
            yield path, f"`{pattern}` matches no registered action{hint}"


def _action_case(subject: Subject) -> Iterator[Spot]:
    for _, path, pattern in _known_patterns(subject):
        prefix, _, name = pattern.partition(":")
        for action in subject.vocabulary.matching(pattern):
            written = f"{prefix.lower()}:{action.name}"
            if name.lower() == action.name.lower() and pattern != written:
                yield path, f"the action is called `{written}`"


def _unknown_service(subject: Subject) -> Iterator[Spot]:
    for statement in subject.policy.statements:
        for path, pattern in subject.actions(statement):
            prefix = pattern.partition(":")[0]
            if pattern == "*" or subject.vocabulary.knows_service(prefix):
                continue
            if similar := subject.vocabulary.similar_service(prefix):
                yield path, f"no service has registered `{prefix}`; did you mean `{similar}`?"


def _unknown_key(subject: Subject) -> Iterator[Spot]:
    for statement, clause in subject.clauses():
        if subject.vocabulary.lacks_key(clause.key):
            similar = subject.vocabulary.similar_key(clause.key)
            hint = f"; did you mean `{similar}`?" if similar else ""
            path = subject.clause_path(statement, clause)
            yield path, f"`{clause.key}` is no known condition key{hint}"


def _foreign_key(subject: Subject) -> Iterator[Spot]:
    """Yield keys of a registered service that no action of the statement comes with."""
    for statement, clause in subject.clauses():
        key = clause.key.lower()
        prefix = key.partition(":")[0]
        patterns = [pattern for _, pattern in subject.actions(statement)]
        is_known = subject.vocabulary.knows_service(prefix) and all(
            subject.vocabulary.matching(pattern) for pattern in patterns
        )
        if statement.not_action or not is_known or not subject.vocabulary.is_own_key(key):
            continue
        if not any(subject.vocabulary.has_key(pattern, key) for pattern in patterns):
            path = subject.clause_path(statement, clause)
            yield path, f"no request for these actions has `{clause.key}`"


def _unknown_resource(subject: Subject) -> Iterator[Spot]:
    for statement in subject.policy.statements:
        for path, resource in subject.resources(statement):
            if _is_unknown_resource(subject, resource):
                yield path, "no registered resource type has such an ARN"


def _is_unknown_resource(subject: Subject, resource: str) -> bool:
    segments = resource.split(":", SEGMENTS - 1)
    service = segments[2] if len(segments) == SEGMENTS else ""
    if not subject.vocabulary.knows_service(service):
        return False
    types = subject.vocabulary.resource_types(service).values()
    variables = subject.policy.has_variables
    return not any(fits(resource, kind, variables=variables) for kind in types)


def _resource_of_other_action(subject: Subject) -> Iterator[Spot]:
    for statement, path, pattern in _known_patterns(subject):
        if statement.not_action or statement.not_resource or not statement.resources:
            continue
        if any(_is_unknown_resource(subject, one) for one in statement.resources):
            continue  # told already, of the resource itself
        found = subject.vocabulary.matching(pattern)
        if found and not any(
            subject.vocabulary.acts_on(
                pattern, action, resource, variables=subject.policy.has_variables
            )
            for action in found
            for resource in statement.resources
        ):
            kinds = sorted({kind for action in found for kind in action.resource_types})
            yield (
                path,
                f"`{pattern}` acts on {', '.join(kinds) or '`*` alone'}, which is not listed",
            )


RULES = (
    Rule(
        "unknown-action",
        Severity.ERROR,
        "correct the name, or register the action in its service's catalogue",
        _unknown_action,
    ),
    Rule(
        "action-case",
        Severity.NOTICE,
        "write it as the catalogue does; it matches in any case",
        _action_case,
    ),
    Rule(
        "unknown-service-prefix",
        Severity.WARNING,
        "correct the prefix, or register the service's catalogue",
        _unknown_service,
    ),
    Rule(
        "unknown-condition-key",
        Severity.ERROR,
        "correct the name, or register the key in its service's catalogue",
        _unknown_key,
    ),
    Rule(
        "condition-key-not-for-action",
        Severity.WARNING,
        "use a key that comes with the action, or split the statement",
        _foreign_key,
    ),
    Rule(
        "unknown-resource-type",
        Severity.ERROR,
        "correct the ARN, or register the resource type in its service's catalogue",
        _unknown_resource,
    ),
    Rule(
        "resource-not-for-action",
        Severity.ERROR,
        "list a resource that the action is about, or move the action to its own statement",
        _resource_of_other_action,
    ),
)
