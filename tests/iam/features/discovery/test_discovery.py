from pathlib import Path
from urllib.parse import urlsplit

import pytest

from iam.features.discovery.rules import authorization_server_metadata, metadata_path
from tests.oauth import ask, new_client
from tests.world import ISSUER, World, open_world

pytestmark = pytest.mark.anyio

WELL_KNOWN = "/.well-known/oauth-authorization-server"


class TestDocument:
    async def test_dr_05_what_is_said_is_so(self, world: World) -> None:
        answer = await world.http.get(WELL_KNOWN)
        assert answer.status_code == 200
        document = answer.json()
        assert document["issuer"] == ISSUER
        for name in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
            assert document[name].startswith(f"{ISSUER}/oauth2/")
            reached = await world.http.post(urlsplit(document[name]).path)
            assert reached.json()["error"] == "invalid_request"
            methods = document[f"{name}_auth_methods_supported"]
            assert "none" not in methods
            assert {"client_secret_basic", "client_secret_post", "private_key_jwt"} <= set(methods)
            algorithms = document[f"{name}_auth_signing_alg_values_supported"]
            assert "none" not in algorithms
            assert not any(algorithm.startswith("HS") for algorithm in algorithms)
        client = await new_client(world)
        for grant in document["grant_types_supported"]:
            answer = await ask(world, "token", {"grant_type": grant}, basic=client.basic)
            assert answer.json().get("error") != "unsupported_grant_type"

    async def test_hd_11_anybody_may_read_and_keep_it(self, world: World) -> None:
        answer = await world.http.get(WELL_KNOWN, headers={"Origin": "https://app.corp"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["cache-control"] == "public, max-age=300"
        again = await world.http.get(WELL_KNOWN, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")

    async def test_hd_03_nothing_in_a_request_changes_it(self, world: World) -> None:
        plain = await world.http.get(WELL_KNOWN)
        evil = {"Host": "evil.corp", "X-Forwarded-Host": "evil.corp", "Forwarded": "host=evil.corp"}
        assert (await world.http.get(WELL_KNOWN, headers=evil)).text == plain.text


async def test_dr_06_an_issuer_with_a_path_and_a_url_of_its_own(
    database_url: str, tmp_path: Path
) -> None:
    issuer = "http://localhost:8080/tenants/one"
    url = "http://127.0.0.1:9000"
    async with open_world(database_url, tmp_path, issuer=issuer, url=url) as world:
        document = (await world.http.get(f"{WELL_KNOWN}/tenants/one")).json()
        # Who was given no more than the address has no path to insert.
        assert (await world.http.get(WELL_KNOWN)).json() == document
    assert document["issuer"] == issuer
    assert document["token_endpoint"] == "http://127.0.0.1:9000/oauth2/token"


def test_dr_06_the_path_of_the_issuer_is_inserted() -> None:
    assert metadata_path("https://id.corp/tenants/one") == f"{WELL_KNOWN}/tenants/one"
    assert metadata_path("https://id.corp") == WELL_KNOWN
    document = authorization_server_metadata(issuer="https://id.corp/one", url="https://iam")
    assert (document["issuer"], document["jwks_uri"]) == (
        "https://id.corp/one",
        "https://iam/oauth2/jwks",
    )
