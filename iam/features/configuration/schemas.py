"""Wire shapes of configuration."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field

from iam.features.configuration.rules.effects import Effect
from iam.features.configuration.rules.plan import Plan
from iam.features.configuration.rules.planning import Step
from iam.features.configuration.rules.words import effect_words, step_words
from iam.features.principals.schemas import Input, Output
from iam.http import examples

_DOCUMENT: Final = {
    "configuration": "shop",
    "policies": {"read-invoices": {"document": examples.DOCUMENT}},
    "groups": {"finance": {"policies": ["read-invoices"], "members": ["user/ana"]}},
}
_PLAN: Final = "0b5e4f7a9c1d2e3f4a5b6c7d8e9f0a1b"

Document = Annotated[
    dict[str, Any],
    Field(
        description=(
            "what access is to be: `configuration`, its name, and the sections `policies`, "
            "`groups`, `users`, `services`, `roles`, `action_catalogues`, `resource_policies` and "
            "`guardrails`, each an object by name; what it does not mention stays as it is"
        ),
        examples=[_DOCUMENT],
    ),
]
Section = Literal[
    "policies", "groups", "users", "services", "roles", "action_catalogues", "resource_policies",
    "guardrails",
]  # fmt: skip


class ConfigurationPlanIn(Input):
    """A document to be planned."""

    model_config = ConfigDict(json_schema_extra=examples.example(document=_DOCUMENT, prune=False))

    document: Document
    prune: bool = Field(
        default=False,
        description="delete what the configuration manages and the document does not have",
    )


class ConfigurationApplyIn(ConfigurationPlanIn):
    """A document to be applied."""

    model_config = ConfigDict(json_schema_extra=examples.example(document=_DOCUMENT, plan=_PLAN))

    plan: str | None = Field(
        default=None,
        max_length=64,
        description="the plan that was shown; another one is refused, and nothing is applied",
    )
    approve_widening: bool = Field(
        default=False, description="apply it also where somebody may do more afterwards"
    )
    approved_by: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="who approved that, as the audit log shall tell",
        examples=["Ana Costa, CHANGE-1234"],
    )


class ChangeOut(Output):
    """One attribute that changes."""

    attribute: str = Field(examples=["policies"])
    before: Any
    after: Any


class StepOut(Output):
    """One object that is made, changed or deleted."""

    verb: str = Field(description="`create`, `update` or `delete`")
    object: str = Field(description="kind and name", examples=["group/finance"])
    changes: list[ChangeOut]
    words: list[str] = Field(description="the same for people: a headline, then what changes")

    @classmethod
    def of(cls, step: Step) -> Self:
        """Present a step."""
        changes = [
            ChangeOut(attribute=one.attribute, before=one.before, after=one.after)
            for one in step.changes
        ]
        words = list(step_words(step))
        return cls(verb=step.verb, object=str(step.item), changes=changes, words=words)


class ExampleOut(Output):
    """A request that is decided otherwise afterwards."""

    principal: str = Field(examples=["user/ana"])
    action: str = Field(examples=["billing:GetInvoice"])
    resource: str
    before: str = Field(description="`denied`, `conditional` or `allowed`")
    after: str


class EffectOut(Output):
    """Who gains or loses what."""

    subject: str = Field(examples=["group/finance"])
    verb: str = Field(description="`gains` or `loses`")
    layer: str = Field(
        description="where it stands: `identity`, `boundary`, `trust`, `resource`, `guardrail`"
    )
    policy: str | None = Field(description="whose statement it is")
    statement: dict[str, Any] | None = Field(description="as it is written")
    concerned: int = Field(description="how many principals of the account it concerns")
    example: ExampleOut | None = Field(description="null where none was found")
    words: list[str] = Field(description="the same for people")

    @classmethod
    def of(cls, effect: Effect) -> Self:
        """Present an effect."""
        movement, example = effect.movement, effect.example
        held = movement.held
        return cls(
            subject=movement.subject,
            verb="gains" if movement.gains else "loses",
            layer=movement.layer,
            policy=None if held is None else held.policy,
            statement=None if held is None else dict(held.written),
            concerned=effect.concerned,
            example=None if example is None else ExampleOut.model_validate(example.as_dict()),
            words=list(effect_words(effect)),
        )


class ConfigurationPlanOut(Output):
    """What applying a document changes."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            configuration="shop",
            plan=_PLAN,
            widens=True,
            steps=[
                {
                    "verb": "update",
                    "object": "group/finance",
                    "changes": [
                        {"attribute": "policies", "before": [], "after": ["read-invoices"]}
                    ],
                    "words": ["change group/finance", "policies: + read-invoices"],
                }
            ],
            effects=[
                {
                    "subject": "group/finance",
                    "verb": "gains",
                    "layer": "identity",
                    "policy": examples.arn("policy/read-invoices"),
                    "statement": examples.DOCUMENT["Statement"][0],
                    "concerned": 1,
                    "example": {
                        "principal": "user/ana",
                        "action": "billing:GetInvoice",
                        "resource": "arn:iam:billing::main:invoice/example",
                        "before": "denied",
                        "after": "allowed",
                    },
                    "words": [
                        (
                            f"group/finance (1 member) gains: billing:Get* on {examples.INVOICES} "
                            "by policy/read-invoices"
                        ),
                        (
                            "for example user/ana: billing:GetInvoice on "
                            "arn:iam:billing::main:invoice/example: denied -> allowed"
                        ),
                    ],
                }
            ],
            adopted=["user/ana"],
        )
    )

    configuration: str
    plan: str = Field(description="stands for the whole plan; what `apply` takes as `plan`")
    widens: bool = Field(description="whether anybody may gain by it, which takes an approval")
    steps: list[StepOut] = Field(description="empty if there is nothing to do")
    effects: list[EffectOut] = Field(description="who gains and who loses what; gains first")
    adopted: list[str] = Field(
        description="what is there already, and is managed by the configuration from now on"
    )

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Present a plan."""
        return cls(
            configuration=plan.name,
            plan=plan.hash,
            widens=plan.widens,
            steps=[StepOut.of(step) for step in plan.steps],
            effects=[EffectOut.of(effect) for effect in plan.effects],
            adopted=sorted(map(str, plan.adopted)),
        )


class ConfigurationOut(Output):
    """An account as a document."""

    model_config = ConfigDict(json_schema_extra=examples.example(document=_DOCUMENT))

    document: Document
