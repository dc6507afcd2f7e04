import pytest

from tests.world import Actor

pytestmark = pytest.mark.anyio


class TestCreateUser:
    async def test_a_created_user_can_be_read_by_name_and_by_id(self, admin: Actor) -> None:
        body = {"name": "alice", "path": "/team/", "email": "alice@corp.local"}
        created = await admin.http.post("/v1/users", json=body)
        assert created.status_code == 201, created.text
        user = created.json()
        assert user["arn"] == "arn:iam:iam::main:user/team/alice"
        assert created.headers["location"] == f"/v1/users/{user['id']}"
        for reference in ("alice", "ALICE", user["id"]):
            read = await admin.http.get(f"/v1/users/{reference}")
            assert read.json() == user
            assert read.headers["etag"] == f'"{user["version"]}"'
