"""Version and policy variables."""

from collections.abc import Iterator

from iam_policy.document import CURRENT_VERSION, OLD_VERSION, Statement
from iam_policy.lint.finding import Rule, Severity, Spot
from iam_policy.lint.subject import Subject
from iam_policy.variables import Variable, VariableError, tokenize


def _texts(subject: Subject, statement: Statement) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of everything that may hold variables."""
    yield from subject.resources(statement)
    for clause in statement.clauses:
        if "String" in clause.operator or "Arn" in clause.operator:
            yield from subject.values(statement, clause)


def _literal(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of what would be a variable, were the version the current one."""
    for statement in subject.policy.statements:
        for path, text in _texts(subject, statement):
            try:
                tokens = tokenize(text, variables=True)
            except VariableError:
                continue
            if any(isinstance(token, Variable) for token in tokens):
                yield path, text


def _without_version(subject: Subject) -> Iterator[Spot]:
    if not subject.policy.has_variables:
        for path, _ in _literal(subject):
            yield path, "`${...}` is plain text here and matches nothing that is meant"


def _missing_version(subject: Subject) -> Iterator[Spot]:
    if not subject.states_version and not any(_literal(subject)):
        yield "$", f"has no Version, which means {OLD_VERSION}"


def _old_version(subject: Subject) -> Iterator[Spot]:
    is_old = subject.policy.version == OLD_VERSION and subject.states_version
    if is_old and not any(_literal(subject)):
        yield "$.Version", f"{OLD_VERSION} knows no variables"


def _variables(subject: Subject) -> Iterator[tuple[str, Variable]]:
    if subject.policy.has_variables:
        for statement in subject.policy.statements:
            for path, text in _texts(subject, statement):
                for token in tokenize(text, variables=True):
                    if isinstance(token, Variable):
                        yield path, token


def _unknown(subject: Subject) -> Iterator[Spot]:
    for path, variable in _variables(subject):
        if subject.vocabulary.lacks_key(variable.key):
            similar = subject.vocabulary.similar_key(variable.key)
            hint = f"; did you mean `{similar}`?" if similar else ""
            yield path, f"no request has a value for `${{{variable.key}}}`{hint}"


def _multivalued(subject: Subject) -> Iterator[Spot]:
    for path, variable in _variables(subject):
        if subject.vocabulary.is_multivalued(variable.key):
            yield path, f"`{variable.key}` is a list, for which no variable can stand"


RULES = (
    Rule(
        "variable-without-version",
        Severity.ERROR,
        f'add "Version": "{CURRENT_VERSION}"',
        _without_version,
    ),
    Rule(
        "missing-version",
        Severity.WARNING,
        f'add "Version": "{CURRENT_VERSION}"',
        _missing_version,
    ),
    Rule(
        "old-version",
        Severity.WARNING,
        f'write "Version": "{CURRENT_VERSION}"',
        _old_version,
    ),
    Rule(
        "unknown-variable",
        Severity.ERROR,
        "use a condition key that requests have",
        _unknown,
    ),
    Rule(
        "multivalued-variable",
        Severity.ERROR,
        "use a key with one value, or a condition with ForAnyValue:",
        _multivalued,
    ),
)
