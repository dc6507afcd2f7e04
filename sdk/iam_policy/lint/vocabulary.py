"""What is known of names: the global condition keys, and the catalogues that were given."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

from iam_policy.catalogue import ActionCatalogue, ActionEntry, KeyType, ResourceType
from iam_policy.globs import glob_matcher
from iam_policy.lint.patterns import overlaps
from iam_policy.names import SEGMENTS
from iam_policy.variables import tokenize_glob

_TAIL: Final = "/${tagkey}"
_MAX_GUESSES: Final = 20
_GLOBAL_PREFIXES: Final = ("aws:", "iam:")


def _global_keys() -> Mapping[str, KeyType]:
    """List the keys that any request may have, under ``aws:`` and ``iam:`` alike.

    Source: IAM User Guide, ``reference_policies_condition-keys``, and the server's own.
    """
    by_type = {
        KeyType.STRING: """principalaccount principalorgid principalservicename principaltype
            userid username federatedprovider sourceidentity ec2instancesourcevpc sourcevpc
            sourcevpce vpceaccount vpceorgid resourceaccount resourceorgid calledviafirst
            calledvialast referer requestedregion sourceaccount sourceorgid useragent
            requestedaudience authenticatorassurancelevel principaltag/${tagkey}
            resourcetag/${tagkey} requesttag/${tagkey}""",
        KeyType.STRINGS: """principalorgpaths principalservicenameslist vpceorgpaths
            resourceorgpaths calledvia sourceorgpaths tagkeys""",
        KeyType.NUMERIC: "multifactorauthage",
        KeyType.DATE: "currenttime epochtime tokenissuetime",
        KeyType.BOOL: """multifactorauthpresent securetransport viaawsservice
            principalisawsservice assumedroot""",
        KeyType.ADDRESS: "sourceip vpcsourceip ec2instancesourceprivateipv4",
        KeyType.ARN: "principalarn sourcearn sourcevpcarn chatbotsourcearn",
    }
    return {
        prefix + name: kind
        for kind, names in by_type.items()
        for name in names.split()
        for prefix in _GLOBAL_PREFIXES
    }


GLOBAL_KEYS: Final = _global_keys()
_ALWAYS_THERE: Final = frozenset(
    prefix + name
    for name in ("currenttime", "epochtime", "securetransport")
    for prefix in _GLOBAL_PREFIXES
)


class Vocabulary:
    """The names of all catalogues together, for the examination of one document."""

    def __init__(self, catalogues: Iterable[ActionCatalogue] = ()) -> None:
        self._matching: dict[str, list[ActionEntry]] = {}
        self._guesses = _MAX_GUESSES
        self._catalogues = {one.prefix: one for one in catalogues}
        self._keys = dict(GLOBAL_KEYS)
        for catalogue in self._catalogues.values():
            self._keys |= {key.name.lower(): key.type for key in catalogue.condition_keys}

    def knows_service(self, prefix: str) -> bool:
        """Tell whether there is a catalogue of this prefix."""
        return prefix.lower() in self._catalogues

    def similar_service(self, prefix: str) -> str | None:
        """Return the registered prefix that is most like this unknown one."""
        return self._similar(prefix.lower(), self._catalogues)

    def matching(self, pattern: str) -> list[ActionEntry]:
        """List the registered actions that an action pattern matches."""
        found = self._matching.get(pattern)
        if found is None:
            found = self._matching[pattern] = self._find(pattern.lower())
        return found

    def _find(self, pattern: str) -> list[ActionEntry]:
        prefix, _, name = pattern.partition(":")
        if prefix not in self._catalogues:
            return []
        matches = glob_matcher(tokenize_glob(name))
        return [one for one in self._catalogues[prefix].actions if matches(one.name.lower())]

    def similar_action(self, pattern: str) -> str | None:
        """Return the registered action whose name is most like this unknown one."""
        prefix, _, name = pattern.partition(":")
        catalogue = self._catalogues[prefix.lower()]
        names = {one.name.lower(): one.name for one in catalogue.actions}
        found = self._similar(name.lower(), names)
        return None if found is None else f"{catalogue.prefix}:{names[found]}"

    def resource_types(self, prefix: str) -> Mapping[str, ResourceType]:
        """Return the resource types of a registered prefix, by name."""
        return {one.name: one for one in self._catalogues[prefix.lower()].resource_types}

    def key_type(self, key: str) -> KeyType | None:
        """Return what a condition key's values are; None for a key that is not known."""
        folded = key.lower()
        return self._keys.get(folded) or self._keys.get(folded.partition("/")[0] + _TAIL)

    def lacks_key(self, key: str) -> bool:
        """Tell whether a key belongs to a known prefix, and yet is not known there."""
        prefix = key.lower().partition(":")[0]
        is_ruled = prefix == "aws" or prefix in self._catalogues
        return is_ruled and self.key_type(key) is None

    def similar_key(self, key: str) -> str | None:
        """Return the known key whose name is most like this unknown one, in lower case."""
        return self._similar(key.lower(), self._keys)

    def is_multivalued(self, key: str) -> bool:
        """Tell whether a key is known to have many values."""
        kind = self.key_type(key)
        return kind is not None and kind.is_multivalued

    def is_always_there(self, key: str) -> bool:
        """Tell whether every request has a value for a key."""
        return key.lower() in _ALWAYS_THERE

    def is_own_key(self, key: str) -> bool:
        """Tell whether a known key is a service's own, and not one that any request may have."""
        folded = key.lower()
        names = {folded, folded.partition("/")[0] + _TAIL}
        return not names & GLOBAL_KEYS.keys() and not names.isdisjoint(self._keys)

    def has_key(self, pattern: str, key: str) -> bool:
        """Tell whether requests for one of the matching actions may have a service's own key."""
        types = self.resource_types(pattern.partition(":")[0])
        names = {key.lower(), key.lower().partition("/")[0] + _TAIL}
        return any(
            name.lower() in names
            for action in self.matching(pattern)
            for keys in (
                action.condition_keys,
                *(types[kind].condition_keys for kind in action.resource_types),
            )
            for name in keys
        )

    def acts_on(self, pattern: str, action: ActionEntry, resource: str, *, variables: bool) -> bool:
        """Tell whether a resource pattern can match what an action is about."""
        if resource == "*":
            return True
        types = self.resource_types(pattern.partition(":")[0])
        return any(
            fits(resource, types[name], variables=variables) for name in action.resource_types
        )

    def _similar(self, word: str, known: Iterable[str]) -> str | None:
        """Return the known word most like this one; a document full of slips gets a few guesses."""
        if self._guesses <= 0:
            return None
        self._guesses -= 1
        found = get_close_matches(word, known, n=1, cutoff=0.8)
        return found[0] if found else None


def fits(resource: str, kind: ResourceType, *, variables: bool) -> bool:
    """Tell whether a resource pattern is meant for things of this type.

    Segments are compared one by one: that a star could run on into the next segment is not what
    anybody means by it. Both have six of them.
    """
    segments = zip(
        resource.split(":", SEGMENTS - 1),
        format_pattern(kind.arn_format).split(":", SEGMENTS - 1),
        strict=True,
    )
    return all(overlaps(ours, theirs, variables=variables) for ours, theirs in segments)


def format_pattern(arn_format: str) -> str:
    """Write the format of an ARN as a pattern, with a star for each placeholder."""
    pieces = arn_format.split("${")
    return pieces[0] + "".join("*" + piece.partition("}")[2] for piece in pieces[1:])
