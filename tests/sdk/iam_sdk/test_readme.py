"""What the README shows runs as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[3] / "sdk" / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    monkeypatch.setenv("IAM_ISSUER", "https://iam.example.com")
    monkeypatch.setenv("IAM_AUDIENCE", "https://billing.example.com")
    monkeypatch.setenv("IAM_CLIENT_ID", "svc_1")
    monkeypatch.setenv("IAM_CLIENT_SECRET_FILE", str(secret))


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_of_the_readme_runs(example: str) -> None:
    exec(compile(example, str(README), "exec"), {"__name__": "example"})  # noqa: S102 - ours


def test_the_readme_has_examples() -> None:
    assert len(EXAMPLES) == 5
