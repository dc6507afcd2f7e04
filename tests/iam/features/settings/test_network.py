"""The settings about the network do what the documentation says, from variable to effect."""

from pathlib import Path

import pytest

from iam.errors import IamError
from iam.runtime import Runtime
from iam.settings import Settings, read_settings
from tests.world import open_world

pytestmark = pytest.mark.anyio
CLIENT = "203.0.113.9"


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("trusted", "expected"), [("127.0.0.0/8, 10.0.0.0/8", CLIENT), ("10.0.0.0/8", "127.0.0.1")]
)
async def test_rl_04_whose_address_counts_is_up_to_the_trusted_proxies(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusted: str,
    expected: str,
) -> None:
    monkeypatch.setenv("IAM_TRUSTED_PROXIES", trusted)
    proxies = read_settings().trusted_proxies
    async with open_world(database_url, tmp_path, trusted_proxies=proxies) as opened:
        admin = await opened.administrator()
        headers = {"X-Forwarded-For": f"198.51.100.1, {CLIENT}, 10.0.0.7"}
        made = await admin.http.post("/v1/users", json={"name": "ana"}, headers=headers)
        assert made.status_code == 201
        (event,) = [each for each in await opened.events() if each.type == "iam.user.created.v1"]
    assert event.source_address == expected


def test_wh_01_what_may_be_called_is_up_to_the_allow_list(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(settings: Settings) -> None:
        Runtime(settings, master_key=b"7" * 32).outbound.check_url("https://10.1.2.3/hook")

    with pytest.raises(IamError, match="IAM_OUTBOUND_ALLOW"):
        check(read_settings())
    monkeypatch.setenv("IAM_OUTBOUND_ALLOW", "10.0.0.0/8")
    check(read_settings())


def test_a_ca_bundle_that_is_none_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("none")
    monkeypatch.setenv("IAM_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with pytest.raises(IamError) as caught:
        Runtime(read_settings(), master_key=b"7" * 32)
    assert caught.value.code == "ca_bundle_unreadable"
