"""The engine by itself: decisions beside two other engines in the same run, and what they cost.

A decision here is everything that the server does for one but reading the question: the request's
own keys are folded into what is known of the principal, and all layers decide.
"""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from time import perf_counter
from typing import Final

from benchmarks.comparing import Row
from benchmarks.rivals import Ask, cedar, load_rivals, vakt
from benchmarks.scene import Scene
from benchmarks.workload import (
    ALICE,
    ASKED,
    FAILING,
    KNOWN,
    Question,
    all_layers,
    document,
    failing,
    failing_of_all_kinds,
    questions,
    starred,
)
from iam.kit.garbage import collect_rarely
from iam_policy import (
    DocumentKind,
    Layers,
    Request,
    build_set,
    compile_policy,
    evaluate,
    explain,
    nearest_miss,
    parse_policy,
)
from iam_policy.compile import compile_parsed

SIZES: Final = {1: 10.0, 10: 10.0, 100: 12.0, 1_000: 15.0}
"""Policies, and the microseconds that a decision about them may take."""
BLOCKS: Final = 15
"""Of an engine's rounds, each beside a block of every other engine."""
ROUNDS: Final = 21
"""Of a block; one before them is not measured, because caches are full of the others' work."""
SLOW: Final = 1_000.0
"""Microseconds; an engine that takes longer is measured in a twentieth of the rounds."""
MANY: Final = 201
US: Final = 1e6
MOST_GROWTH: Final = 1.5
MOST_BYTES: Final = 8_000
MOST_TO_COMPILE: Final = 100
MOST_DECISIONS: Final = 10
MOST_A_STATEMENT: Final = 3
SMALL: Final = 10
"""Policies; beyond them only the cost of a statement is promised."""
MOST_HOSTILE: Final = 1_000


def engine(_: Scene) -> Iterator[Row]:
    """Decisions, then their growth, then what compiling, explaining and hostile policies cost."""
    collect_rarely()  # as the server does
    medians = []
    for policies, bar in SIZES.items():
        row = decisions(policies, bar)
        medians.append(row.details["engine"])
        yield row
    growth = max(medians) / medians[0]
    yield Row("engine, growth", {"most": f"{growth:.2f}"}, "<= 1.5", growth <= MOST_GROWTH)
    yield compiling()
    yield memory()
    yield explaining(10, medians[1])
    yield explaining(1_000, medians[3])
    yield conditions()
    yield stars()


def decisions(policies: int, bar: float) -> Row:
    """The same ten questions to all three, in turn; microseconds of one, the median of rounds."""
    asked = questions(policies)
    cedarpy, vakt_module = load_rivals()
    rivals = {"cedarpy": cedar(cedarpy, policies, asked), "vakt": vakt(vakt_module, policies)}
    for name, ask in rivals.items():
        check(name, ask, asked)
    ours = ours_with(all_layers(policies), asked)
    asks: dict[str, Callable[[], float]] = {"engine": ours}
    asks |= {name: measured_round(ask, asked) for name, ask in rivals.items()}
    times: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(BLOCKS):
        for name, one_round in asks.items():
            if one_round() < SLOW:
                times[name] += [one_round() for _ in range(ROUNDS)]
            else:
                times[name].append(one_round())
    found = {name: median(each) for name, each in times.items()}
    measured = {
        "us": f"{found['engine']:.1f}",
        "quietest": f"{min(times['engine']):.1f}",
        "cedarpy": f"{found['cedarpy']:.0f} ({found['cedarpy'] / found['engine']:.0f} x)",
        "vakt": f"{found['vakt']:.0f} ({found['vakt'] / found['engine']:.0f} x)",
    }
    is_met = found["engine"] <= bar
    return Row(f"engine, {policies} policies", measured, f"<= {bar:.0f} us", is_met, {**found})


def measured_round(ask: Ask, asked: list[Question]) -> Callable[[], float]:
    """Return what asks one engine all questions, and tells the microseconds of one."""
    return lambda: timed(lambda: [ask(one) for one in asked]) / len(asked)


def check(name: str, ask: Ask, asked: list[Question]) -> None:
    """An engine that answers otherwise is not doing the same work."""
    for question in asked:
        if ask(question) is not (question.expected == "allowed"):
            raise RuntimeError(f"{name} answers otherwise to {question}")


def ours_with(layers: Layers, asked: list[Question]) -> Callable[[], float]:
    """Return what measures one round of all questions, in microseconds for each."""

    def decide() -> list[str]:
        return [
            evaluate(
                Request(ALICE, one.action, one.arn, KNOWN.over(ASKED)),
                layers,
            ).effect
            for one in asked
        ]

    if decide() != [one.expected for one in asked]:
        raise RuntimeError("the engine does not answer as expected")
    return lambda: timed(decide) / len(asked)


def compiling() -> Row:
    """A policy's way from its parsed form to what decides, and from its text."""
    texts = [document(100_000 + number) for number in range(2 * MANY)]
    whole = [timed(partial(compile_policy, text, DocumentKind.IDENTITY)) for text in texts[:MANY]]
    parsed = [parse_policy(text, DocumentKind.IDENTITY) for text in texts[MANY:]]
    alone = [timed(partial(compile_parsed, policy)) for policy in parsed]
    measured = {
        "us": f"{median(alone):.0f} (quietest {min(alone):.0f})",
        "with parsing and checking": f"{median(whole):.0f} (quietest {min(whole):.0f})",
    }
    return Row("engine, compile", measured, "<= 100 us", median(alone) <= MOST_TO_COMPILE)


def memory(policies: int = 1_000) -> Row:
    """What stays in memory of a policy, in a set of a thousand."""
    texts = [document(200_000 + number) for number in range(policies)]
    gc.collect()
    tracemalloc.start()
    kept = build_set((text[:20], compile_policy(text, DocumentKind.IDENTITY)) for text in texts)
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] / len(kept.policies)
    tracemalloc.stop()
    return Row(
        "engine, memory", {"bytes a policy": f"{taken:.0f}"}, "<= 8,000", taken <= MOST_BYTES
    )


def explaining(policies: int, decision: float) -> Row:
    """Decision, deciding statements and nearest miss; then every verdict on every statement."""
    layers = all_layers(policies)
    asked = [Request(ALICE, one.action, one.arn, KNOWN.over(ASKED)) for one in questions(policies)]
    short = median(
        timed(lambda: [nearest_miss(explain(one, layers)) for one in asked]) / len(asked)
        for _ in range(ROUNDS)
    )
    full = [
        timed(lambda: [trace.failed for trace in explain(asked[0], layers).traces])
        for _ in range(ROUNDS)
    ]
    statements = len(explain(asked[0], layers).traces)
    statement = median(full) / statements
    measured = {
        "us": f"{short:.0f}",
        "in decisions": f"{short / decision:.1f}",
        "us a statement, every verdict": f"{statement:.1f} (quietest {min(full) / statements:.1f})",
    }
    is_met = statement <= MOST_A_STATEMENT
    if policies > SMALL:
        return Row(f"engine, explain {policies}", measured, "<= 3 us a statement", is_met)
    is_met = is_met and short <= MOST_DECISIONS * decision
    bar = "<= 10 decisions, <= 3 us a statement"
    return Row(f"engine, explain {policies}", measured, bar, is_met)


def conditions(statements: int = 5_000) -> Row:
    """All of them reach a condition, and every condition fails; the slowest kind counts."""
    asked = Request(ALICE, "svc:Get", "arn:iam:svc::main:x", KNOWN.over(ASKED))
    taken = {
        kind: failing_time(asked, Layers(identity=failing(statements, condition)))
        for kind, condition in {**FAILING, "of all kinds": failing_of_all_kinds}.items()
    }
    kind = max(taken, key=taken.__getitem__)
    measured = {"us": f"{taken[kind]:.0f}", "slowest": kind}
    is_met = taken[kind] <= MOST_HOSTILE
    return Row("engine, 5,000 fail", measured, "<= 1,000 us", is_met, {**taken})


def failing_time(asked: Request, layers: Layers) -> float:
    """The microseconds of a decision that nothing allows, tables and all being made."""
    if evaluate(asked, layers).effect != "implicitDeny":
        raise RuntimeError("something holds that was made to fail")
    return median(timed(lambda: evaluate(asked, layers)) for _ in range(ROUNDS))


def stars() -> Row:
    """`*a*a*a*a*a*b` against 5,000 times `a`."""
    layers = Layers(identity=starred())
    asked = Request(ALICE, "svc:Get", "arn:iam:" + "a" * 5_000)
    taken = median(timed(lambda: evaluate(asked, layers)) for _ in range(ROUNDS))
    return Row("engine, stars", {"us": f"{taken:.0f}"}, "<= 1,000 us", taken <= MOST_HOSTILE)


def timed(work: Callable[[], object]) -> float:
    """The microseconds of one call."""
    started = perf_counter()
    work()
    return (perf_counter() - started) * US
