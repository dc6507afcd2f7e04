"""A state as the engine sees it: who holds which policies, and what is decided by them.

The same facts that decisions are made from (`iam.authz.holders`), built from a state instead of the
database; so the state that is wanted is decided about as if it were there already.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from iam.authz.holders import GroupRef, Holder, PrincipalRecord, Source, holder
from iam.authz.surroundings import (
    Attached,
    Guardrails,
    Surroundings,
    at_or_above,
    is_assuming,
    owning_account,
    policy_set,
    resource_set,
)
from iam.features.access.rules import Question, Verdict
from iam.features.configuration.rules.grants import Held, statements_of
from iam.features.configuration.rules.shapes import PRINCIPALS, Document, Item, Kind, State
from iam_policy import DocumentKind

_MEMO: Final = 4_096


class Scene:
    """A state that decisions can be made by."""

    def __init__(self, state: State, *, now: datetime) -> None:
        self.state = state
        self._now = now
        self._holders: dict[str, Holder] = {}
        self._questions: dict[tuple[str, str], Question] = {}
        self._texts: dict[str, str] = {}
        self._held: dict[Source, tuple[Held, ...]] = {}

    def verdict(self, item: Item, action: str, resource: str) -> Verdict | None:
        """Whether this principal may, surely or under some circumstances; `None` if not at all."""
        if item.key not in self.state.items:
            return None
        asked = (action, resource)
        question = self._questions.get(asked)
        if question is None:
            if len(self._questions) >= _MEMO:
                self._questions.clear()
            around = self._around(action, resource)
            question = self._questions[asked] = Question(action, resource, around, self._now)
        access = question.answer(self._holder(item))
        return None if access is None else access.verdict

    def own_sources(self, item: Item) -> Iterator[Source]:
        """The policies that a principal or a group itself holds."""
        group = None
        if item.kind is Kind.GROUP:
            group = GroupRef(item.id or str(item), self.state.arn(item), item.name)
        for name in item.attributes["policies"]:
            policy = self.state.find(Kind.POLICY, name)
            if policy is not None:
                yield Source(
                    self.state.arn(policy), self._text(policy), policy.id or str(policy), group
                )
        for name, document in item.attributes["inline_policies"].items():
            yield Source(f"inline:{name}", text_of(document), None, group)

    def held(self, sources: Iterable[Source]) -> list[Held]:
        """The statements of identity policies; of each made once, however many hold it."""
        found: list[Held] = []
        for source in sources:
            if source not in self._held:
                self._held[source] = statements_of(source, DocumentKind.IDENTITY)
            found += self._held[source]
        return found

    def groups_of(self, item: Item) -> list[Item]:
        """The groups that a principal is in."""
        return self._groups.get(str(item), [])

    def boundary(self, item: Item) -> Source | None:
        """The permissions boundary of a principal."""
        name = item.attributes["permissions_boundary"]
        policy = None if name is None else self.state.find(Kind.POLICY, name)
        if policy is None:
            return None
        return Source(self.state.arn(policy), self._text(policy))

    def members(self, group: Item) -> Iterator[Item]:
        """Who is in a group."""
        for text in self.state.items[group.key].attributes["members"]:
            kind, _, name = text.partition("/")
            found = self.state.find(Kind(kind), name)
            if found is not None:
                yield found

    def _text(self, policy: Item) -> str:
        """The document of a policy; written once, however many hold it."""
        found = self._texts.get(policy.name)
        if found is None:
            found = self._texts[policy.name] = text_of(policy.attributes["document"])
        return found

    @cached_property
    def _groups(self) -> Mapping[str, list[Item]]:
        found: dict[str, list[Item]] = {}
        for group in self.state.of(Kind.GROUP):
            for member in group.attributes["members"]:
                found.setdefault(member, []).append(group)
        return found

    def _holder(self, item: Item) -> Holder:
        found = self._holders.get(str(item))
        if found is None:
            found = self._holders[str(item)] = self._made(self.state.items[item.key])
        return found

    def _made(self, item: Item) -> Holder:
        sources = list(self.own_sources(item))
        for group in self.groups_of(item):
            sources += self.own_sources(group)
        sources.sort(key=lambda one: (one.label, one.group.id if one.group else ""))
        record = PrincipalRecord(
            id=item.id or self.state.arn(item),
            account=self.state.account,
            kind=item.kind,
            path=item.attributes["path"],
            name=item.name,
            status="active" if item.is_active else "disabled",
            tags=item.attributes["tags"],
            principal_epoch=1,
            boundary_policy_id=None,
            trust_policy=None,
        )
        return holder(
            record,
            sources,
            self.boundary(item),
            account_is_active=self.state.is_active,
            partition=self.state.partition,
        )

    def _around(self, action: str, resource: str) -> Surroundings:
        account = self.state.account
        around = self._guardrails.around(account, owning_account(resource, account))
        if is_assuming(action):
            return around.with_policy(self._trust(resource), is_required=True)
        above = (self.state.find(Kind.RESOURCE_POLICY, one) for one in at_or_above(resource))
        found = {one.name: text_of(one.attributes["document"]) for one in above if one is not None}
        return around.with_policy(resource_set(found))

    def _trust(self, arn: str) -> Any:
        for role in self.state.of(Kind.ROLE):
            if self.state.arn(role) == arn and role.is_active:
                text = text_of(role.attributes["trust_policy"])
                return policy_set([(arn, text)], DocumentKind.TRUST)
        return None

    @cached_property
    def _guardrails(self) -> Guardrails:
        return Guardrails(
            Attached(kind, target, name, f"guardrail/{item.name}", text)
            for item in self.state.of(Kind.GUARDRAIL)
            for kind, _, name in [item.name.partition("/")]
            for text in [text_of(item.attributes["document"])]
            for target in item.attributes["targets"]
        )


def text_of(document: Document) -> str:
    """A document as the engine takes it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def principals_of(state: State) -> Iterator[Item]:
    """Every principal of the account."""
    return state.of(*PRINCIPALS)
