import pytest

from iam_policy import Layers
from iam_policy import layers as layers_module
from tests.sdk.iam_policy.scenes import ask, document, policies, statement


def test_what_the_layers_remember_of_actions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers_module, "_MEMO_SIZE", 4)
    layers = Layers(identity=policies(document(statement(Action="s3:*"))))
    for number in range(20):
        assert ask(layers, action=f"s3:A{number}").allowed
        assert not ask(layers, action=f"iam:A{number}").allowed
        assert len(layers._plans) <= 4


def test_guardrails_that_allow_everything_are_still_reported() -> None:
    wide, narrow = policies(document(statement())), policies(document(statement(Action="s3:Get*")))
    for scps in ((wide, wide), (wide, narrow), (narrow, wide)):
        matched = ask(Layers(identity=wide, scps=scps, rcps=(wide,))).matched
        assert [match.layer for match in matched] == ["rcp", "scp", "scp", "identity"]
    assert ask(Layers(identity=wide, scps=(wide, narrow)), action="s3:Put").blocked_by == "scp"
