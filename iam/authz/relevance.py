"""Which documents have anything to do with an action. Most have not, and are left aside.

A document without a statement on the action cannot change a decision about it, unless it is
defective: then it denies.
"""

from typing import Final

from iam_policy import CompiledPolicy, DocumentKind, compile_stored

_MEMO: Final = 10_000


class Relevance:
    """What documents say about one action; each text is looked at once."""

    def __init__(self, action: str) -> None:
        self._action = action.lower()
        self._found: dict[str, tuple[bool, bool]] = {}

    def concerns(self, document: str) -> bool:
        """Whether decisions about the action depend on this identity policy."""
        return self._look(document)[0]

    def allows(self, document: str) -> bool:
        """Whether it has an Allow on the action."""
        return self._look(document)[1]

    def _look(self, document: str) -> tuple[bool, bool]:
        found = self._found.get(document)
        if found is None:
            policy = compile_stored(document, DocumentKind.IDENTITY)
            found = (self._concerns(policy), self._allows(policy))
            if len(self._found) >= _MEMO:
                self._found.clear()
            self._found[document] = found
        return found

    def _concerns(self, policy: CompiledPolicy) -> bool:
        if policy.finding is not None:
            return True
        return any(one.matches_action(self._action) for one in policy.statements)

    def _allows(self, policy: CompiledPolicy) -> bool:
        return any(
            one.effect == "Allow" and one.matches_action(self._action) for one in policy.statements
        )


class Everything(Relevance):
    """All documents: for whoever asks what somebody may do at all."""

    def __init__(self) -> None:
        super().__init__("")

    def concerns(self, document: str) -> bool:
        """Yes."""
        del document
        return True
