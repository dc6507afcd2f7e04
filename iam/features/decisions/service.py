"""Use case of decisions: a batch of questions from one proven caller."""

from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from iam.authz.actions import Action
from iam.authz.context import (
    both_prefixes,
    check_callers_context,
    principal_context,
    principal_keys,
)
from iam.authz.facts import PrincipalFacts, RoleSession, decide
from iam.authz.snapshots import PrincipalSnapshots, SurroundingSnapshots
from iam.authz.surroundings import policy_set
from iam.errors import denied, unauthenticated, unavailable
from iam.features.catalogues.snapshots import PrefixSnapshots
from iam.features.decisions.rules import (
    Evaluation,
    PrincipalSubject,
    SessionSubject,
    TokenSubject,
)
from iam.features.oauth.snapshots import AudienceSnapshots
from iam.features.tokens.snapshots import KnownToken, TokenSnapshots
from iam.journal.denials import Denial
from iam.journal.denied_questions import Denied
from iam.kit.ids import IdKind, new_id
from iam.kit.log_context import note_decision, note_principal
from iam.kit.metrics import Tally
from iam.work import Tools
from iam_policy import Context, Decision, DocumentKind, Effect, is_canonical
from iam_policy.values import quick_value

_log = structlog.get_logger(__name__)


@quick_value
class Asker:
    """Who asks, proven, and from where."""

    facts: PrincipalFacts
    request_id: str
    address: str | None
    is_secure: bool


@quick_value
class Asked:
    """Who a question is about, as the server knows it.

    Attributes:
        facts: The principal.
        keys: The condition keys that follow from principal, clock and token; the later ones win.
        session: The session, when a role's session is asked about.
        audience: The audience of the token that was presented, if one was.
    """

    facts: PrincipalFacts
    keys: tuple[Context, ...]
    session: RoleSession | None = None
    audience: str | None = None


@quick_value
class Unknown:
    """Nobody whom the question could be about, and why.

    Attributes:
        code: Why, for programs.
        message: Why, for people.
        arn: The ARN that was asked about and that somebody could have.
    """

    code: str
    message: str
    arn: str | None = None


@quick_value
class Answer:
    """One decision with its id, or why nobody could be decided about."""

    decision_id: str
    decision: Decision | None
    unknown: Unknown | None = None


Decide = Callable[[Asker, Evaluation], Awaitable[Answer]]
"""`DecisionPoint.answer`."""


def counted(answer: Decide, tally: Tally) -> Decide:
    """The same, and each decision counted by its outcome."""
    counts = tally.counts
    of_effect = {effect: (effect.value,) for effect in Effect}
    tally.know([*of_effect.values(), _UNKNOWN])

    async def answer_counted(asker: Asker, question: Evaluation) -> Answer:
        found = await answer(asker, question)
        decision = found.decision
        counts[_UNKNOWN if decision is None else of_effect[decision.effect]] += 1
        return found

    return answer_counted


_UNKNOWN: Final = ("unknown",)


class DecisionPoint:
    """Answers questions from memory; what it remembers is dropped when anything changes."""

    def __init__(
        self,
        tools: Tools,
        *,
        tokens: TokenSnapshots,
        principals: PrincipalSnapshots,
        surroundings: SurroundingSnapshots,
        audiences: AudienceSnapshots,
        prefixes: PrefixSnapshots,
    ) -> None:
        self._tools = tools
        self._tokens = tokens
        self._principals = principals
        self._surroundings = surroundings
        self._audiences = audiences
        self._prefixes = prefixes

    async def asker(
        self, token: str, *, request_id: str, address: str | None, is_secure: bool
    ) -> Asker:
        """Prove the caller by its access token for this service.

        Raises `IamError` of kind `unauthenticated`; of kind `unavailable` when this replica has
        lost sight of the database and must not trust what it remembers.
        """
        if not self._tools.changes.is_fresh:
            raise unavailable("database_unavailable", "the database is out of sight", retry_after=1)
        known = await self._live(token, self._tools.clock.now())
        if known is None or known.audience != self._tools.settings.issuer:
            raise unauthenticated("token_invalid", "the access token is not accepted")
        facts = await self._principals.get(known.token.subject)
        if facts is None or not facts.is_active:
            raise unauthenticated("token_revoked", "the access token is not accepted")
        note_principal(facts.arn)
        return Asker(facts, request_id, address, is_secure)

    async def answer(self, asker: Asker, question: Evaluation) -> Answer:
        """Decide one question.

        Raises `IamError` of kind `denied` when the caller may not ask it, and of kind `invalid`
        when it sets a context key that only the server may set.
        """
        check_callers_context(question.context)
        now = self._tools.clock.now()
        decision_id = new_id(IdKind.DECISION, now)
        asked = await self._asked(question, now)
        if isinstance(asked, Unknown):
            # Who may not ask must not learn who exists either (MT-05).
            if asked.arn is not None:
                await self._authorize(asker, asked.arn, question)
            self._log(asker, question, decision_id, asked.code, None)
            return Answer(decision_id, None, asked)
        if not await self._is_own(asker, asked, question):
            await self._authorize(asker, asked.facts.arn, question)
        action, resource = question.action, question.resource
        decision = decide(
            asked.facts,
            action=action,
            resource=resource,
            context=Context.joined(Context(question.context), *asked.keys),
            around=await self._surroundings.find(
                asked.facts.account, action=action, resource=resource
            ),
            session=asked.session,
        )
        if not decision.allowed:
            self._keep(asker, asked, question, decision, decision_id, now)
        self._log(asker, question, decision_id, decision.effect.value, asked.facts.arn)
        return Answer(decision_id, decision)

    async def _live(self, text: str, now: datetime) -> KnownToken | None:
        known = await self._tokens.find(text)
        if known is None or not known.stands or known.token.expires_at <= now.timestamp():
            return None
        return known

    async def _asked(self, question: Evaluation, now: datetime) -> Asked | Unknown:
        subject = question.subject
        if isinstance(subject, TokenSubject):
            return await self._asked_by_token(subject, now)
        if isinstance(subject, PrincipalSubject):
            facts = await self._principals.find(subject.arn)
            if facts is None:
                return _no_principal(subject.arn)
            return Asked(facts, principal_keys(facts, now=now))
        return await self._asked_by_session(subject, now)

    async def _asked_by_token(self, subject: TokenSubject, now: datetime) -> Asked | Unknown:
        known = await self._live(subject.token, now)
        facts = None if known is None else await self._principals.get(known.token.subject)
        if known is None or facts is None or not facts.is_active:
            return _NO_TOKEN
        keys = (*principal_keys(facts, now=now), known.context)
        return Asked(facts, keys, audience=known.audience)

    async def _asked_by_session(self, subject: SessionSubject, now: datetime) -> Asked | Unknown:
        facts = await self._principals.find(subject.role_arn)
        if facts is None or facts.kind != "role":
            return _no_principal(subject.role_arn)
        partition = self._tools.settings.partition
        arn = f"arn:{partition}:sts::{facts.account}:assumed-role/{facts.name}/{subject.name}"
        documents = [] if subject.policy is None else [("session", subject.policy)]
        narrowed = policy_set(documents, DocumentKind.SESSION) if documents else None
        own = both_prefixes(
            {"PrincipalType": "AssumedRole", "userid": f"{facts.id}:{subject.name}"}
        )
        return Asked(
            facts,
            (*principal_keys(facts, now=now), Context(own)),
            session=RoleSession(arn, narrowed),
        )

    async def authorize(
        self,
        asker: Asker,
        action: Action,
        resource: str,
        *,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        """Return if the asker may do this to the ARN `resource`; `context` adds condition keys.

        Raises `IamError` of kind `denied`, with the decision id that the logs carry too.
        """
        now = self._tools.clock.now()
        keys = {
            **principal_context(asker.facts, now=now),
            **both_prefixes({"SecureTransport": asker.is_secure}),
            **(both_prefixes({"SourceIp": asker.address}) if asker.address else {}),
            **(context or {}),
        }
        around = await self._surroundings.find(
            asker.facts.account, action=action, resource=resource
        )
        decision = decide(
            asker.facts, action=action, resource=resource, context=keys, around=around
        )
        if not decision.allowed:
            self._refuse(asker, action, resource, decision, now)

    async def _authorize(self, asker: Asker, arn: str, question: Evaluation) -> None:
        """Return if the caller may ask this about the principal with this ARN."""
        context = {"decisions:ActionPrefix": question.action_prefix}
        await self.authorize(asker, Action.EVALUATE, arn, context=context)

    async def _is_own(self, asker: Asker, asked: Asked, question: Evaluation) -> bool:
        """Whether it is about a token for the asker and an action of its own prefixes.

        It may always ask that, without being granted `decisions:Evaluate`.
        """
        if asked.audience is None:
            return False
        facts = asker.facts
        owner = await self._audiences.find(facts.account, asked.audience)
        if owner is None or owner.service_id != facts.id:
            return False
        prefixes = await self._prefixes.find(facts.account)
        return prefixes.own(facts.id, facts.name, prefix=question.action_prefix)

    def _refuse(
        self, asker: Asker, action: Action, resource: str, decision: Decision, now: datetime
    ) -> None:
        decision_id = new_id(IdKind.DECISION, now)
        note_decision(decision_id)
        facts = asker.facts
        self._tools.denials.record(
            Denial(
                account=facts.account,
                actor=facts.arn,
                actor_id=facts.id,
                action=action,
                resource=resource,
                reason=decision.effect,
                decision_id=decision_id,
                request_id=asker.request_id,
                address=asker.address,
                at=now,
            )
        )
        message = f"`{facts.arn}` is not allowed to perform `{action}` on `{resource}`"
        raise denied("access_denied", message, decision_id=decision_id)

    def _keep(
        self,
        asker: Asker,
        asked: Asked,
        question: Evaluation,
        decision: Decision,
        decision_id: str,
        now: datetime,
    ) -> None:
        """Have the question written down later, for who asks why."""
        facts, session = asked.facts, asked.session
        # What follows from principal and clock comes first, and is known from those.
        more = [question.context, *asked.keys[len(principal_keys(facts, now=now)) :]]
        self._tools.denied_questions.record(
            Denied(
                account=facts.account,
                principal_id=facts.id,
                principal=facts.arn,
                session=None if session is None else session.arn,
                action=question.action,
                resource=question.resource,
                context=ChainMap(*map(dict, reversed(more))),
                asker=asker.facts.arn,
                asker_id=asker.facts.id,
                effect=decision.effect.value,
                decision_id=decision_id,
                at=now,
            )
        )

    def _log(
        self, asker: Asker, question: Evaluation, decision_id: str, outcome: str, arn: str | None
    ) -> None:
        _log.info(
            "decided",
            decision_id=decision_id,
            decision=outcome,
            principal=arn,
            action=question.action,
            resource=question.resource,
            asker=asker.facts.arn,
            request_id=asker.request_id,
        )


_NO_TOKEN = Unknown("token_inactive", "the token is expired, revoked, or not one of ours")


def _no_principal(arn: str) -> Unknown:
    possible = arn if is_canonical(arn) else None
    return Unknown("principal_not_found", "there is no such principal", possible)
