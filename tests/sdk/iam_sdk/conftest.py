"""What the SDK's tests share: one issuer at a fixed time, and a key for each algorithm."""

import pytest

from iam_sdk.jwk import ALGORITHMS
from iam_sdk.testing import LocalIssuer, SigningKey

NOW = 1_800_000_000


@pytest.fixture(scope="session")
def now() -> int:
    return NOW


@pytest.fixture(scope="session")
def issuer() -> LocalIssuer:
    return LocalIssuer("https://iam.test", now=lambda: NOW)


@pytest.fixture(scope="session")
def signing_keys() -> dict[str, SigningKey]:
    return {alg: SigningKey.generate(alg) for alg in sorted(ALGORITHMS)}
