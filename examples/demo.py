"""The main job of iam, shown with real processes on loopback: `./dev demo`.

Starts the server and the two services beside this file, each with an identity of its own, and lets
orders call billing while an administrator changes what orders may do. Every step says what it
expects; one that goes otherwise ends the demo with exit code 1. All it makes is in a temporary
directory, which is removed; all it starts is stopped.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2

import iam_sdk
from examples.processes import NEARBY, free_port, running, wait_until_up

EXAMPLES: Final = Path(__file__).resolve().parent
REFUSAL_SECONDS: Final = 3
"""How long a change may take to be felt: the product promises one second, a busy machine adds."""
RECOVERY_SECONDS: Final = 40
"""The SDK lets some seconds pass after a failure before it tries again."""
LOG_LINES: Final = 8
INVOICE: Final = "arn:iam:billing::main:invoice/*"
BILLING: Final = "arn:iam:iam::main:service/billing"
CHANGES: Final = ("detach", "revoke", "disable")


class Differs(Exception):  # noqa: N818 -- the demo's verdict, not a defect of its own
    """Something did not go as the demo expects."""


@dataclass
class Stage:
    """Where one round plays: its directory, its processes, and the administrator's environment."""

    folder: Path
    processes: ExitStack
    environment: dict[str, str]
    left_out: str | None = None
    steps: int = 0
    url: str = ""
    orders: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    api: httpx2.Client | None = None

    def iam(self, *words: str) -> Any:
        """Run a command of the command line client, and return its answer."""
        say(f"    $ iam {' '.join(quoted(word) for word in words)}")
        command = [sys.executable, "-m", "iam", *words, "--json"]
        with running(command, self.environment, subprocess.PIPE) as process:
            answer = process.communicate()[0].decode()
        if process.returncode != 0:
            raise Differs(f"`iam {' '.join(words)}` failed: {answer.strip()}")
        return json.loads(answer[answer.index("{") :])

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Ask the API as the administrator; what a command does takes a second less this way."""
        if self.api is None:
            administrator = iam_sdk.connect(
                issuer=self.environment["IAM_ISSUER"],
                url=self.url,
                client_id=self.environment["IAM_CLIENT_ID"],
                client_secret_file=self.environment["IAM_CLIENT_SECRET_FILE"],
            )
            auth = administrator.auth(self.environment["IAM_ISSUER"])
            self.api = self.processes.enter_context(httpx2.Client(base_url=self.url, auth=auth))
        answer = self.api.post(path, json=body, timeout=30)
        if not answer.is_success:
            raise Differs(f"POST {path} was answered {answer.status_code}: {answer.text}")
        return answer.json()

    def start(self, name: str, *command: str, **environment: str) -> None:
        """Start a process that lasts as long as the round; its output goes to a file."""
        log = self.processes.enter_context((self.folder / f"{name}.log").open("wb"))
        self.processes.enter_context(
            running([sys.executable, "-m", *command], {**self.environment, **environment}, log)
        )


def main(arguments: Sequence[str]) -> int:
    """Play both rounds; 0 when every step went as expected, 1 when one differed."""
    parser = argparse.ArgumentParser(prog="demo", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--leave-out",
        choices=CHANGES,
        help="do not make this change, to see that the demo notices",
    )
    left_out = parser.parse_args(arguments).leave_out
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    began, steps = time.monotonic(), 0
    try:
        for play in (whole_story, split_names):
            with new_stage(left_out) as stage:
                say(f"\n{play.__doc__}\n")
                play(stage)
                steps += stage.steps
    except (Differs, TimeoutError) as difference:
        say(f"\nNOT AS EXPECTED: {difference}")
        return 1
    say(f"\nAll {steps} steps went as expected, in {time.monotonic() - began:.0f} seconds.")
    return 0


def whole_story(stage: Stage) -> None:
    """A call is allowed, denied, allowed again, and refused in two more ways."""
    port = free_port()
    serve(stage, port, issuer=f"http://localhost:{port}", url=f"http://localhost:{port}")
    set_up_services(stage)

    allow_and_deny(stage)

    title("the policy is attached again")
    stage.iam("policy", "attach", "orders-billing", "service/orders")
    expect(stage, "ALLOWED", 200, within=RECOVERY_SECONDS)

    title(
        "the credential of orders is revoked; its running token is whole, and has 59 minutes left"
    )
    revoke(stage)

    title("orders gets a new credential, in the same file; nothing is restarted")
    new_secret(stage, "orders")
    expect(stage, "ALLOWED", 200, within=RECOVERY_SECONDS)

    title("the service principal orders is disabled")
    change(stage, "disable", "service", "disable", "orders")
    expect(stage, "REFUSED", 401, "token_inactive")
    expect_no_token(stage, "orders.secret", "invalid_client")

    title("orders is enabled again")
    stage.iam("service", "enable", "orders")
    expect(stage, "ALLOWED", 200, within=RECOVERY_SECONDS)


def split_names(stage: Stage) -> None:
    """The issuer is named otherwise than it is reached, as behind a proxy."""
    port = free_port()
    # Nothing answers under this name here: it is an identity, and whoever called it would fail.
    serve(stage, port, issuer="https://id.demo.example", url=f"http://127.0.0.1:{port}")
    set_up_services(stage)

    allow_and_deny(stage)

    title("the policy is attached again, and the credential of orders is revoked")
    stage.iam("policy", "attach", "orders-billing", "service/orders")
    revoke(stage)


def allow_and_deny(stage: Stage) -> None:
    """What a policy allows ends with the policy."""
    title("orders has a policy that allows the call")
    expect(stage, "ALLOWED", 200, within=RECOVERY_SECONDS)

    title("the policy is detached")
    change(stage, "detach", "policy", "detach", "orders-billing", "service/orders")
    expect(stage, "DENIED", 403, "access_denied")


def revoke(stage: Stage) -> None:
    """What a credential has proved ends with the credential."""
    change(stage, "revoke", "credential", "revoke", stage.ids["orders.secret"])
    expect(stage, "REFUSED", 401, "token_inactive")
    expect_no_token(stage, "orders.secret", "invalid_client")


# --- the people and services ----------------------------------------------------------------------


def serve(stage: Stage, port: int, *, issuer: str, url: str) -> None:
    """Start the server on an empty directory, and make the first administrator."""
    stage.url = url
    stage.environment |= {"IAM_ISSUER": issuer, "IAM_URL": url}
    stage.environment["IAM_DATA_DIR"] = str(stage.folder / "data")
    stage.start("iam", "iam", "serve", "--port", str(port))
    wait_until_up(f"{url}/.well-known/oauth-authorization-server")
    say(f"  iam serves at {url}, as issuer {issuer}")
    first = stage.iam("bootstrap", "--local", "--service", "admin")
    write_secret(stage.folder / "admin.secret", first["client_secret"])
    stage.environment |= as_client(stage, "admin", first["client_id"])


def set_up_services(stage: Stage) -> None:
    """Make orders and billing, start both, and give orders its first policy."""
    stage.post("/v1/groups", {"name": "shop-team"})
    for name in ("billing", "orders"):
        made = stage.post("/v1/services", {"name": name, "owner": "group/shop-team"})
        stage.ids[name] = made["id"]
        new_secret(stage, name)
    billing, orders = free_port(), free_port()
    stage.orders = f"http://127.0.0.1:{orders}"
    start_example(stage, "billing", billing, IAM_AUDIENCE=BILLING)
    where = f"http://127.0.0.1:{billing}"
    start_example(stage, "orders", orders, BILLING_URL=where, BILLING_AUDIENCE=BILLING)
    for name, url in (("billing", where), ("orders", stage.orders)):
        wait_until_up(f"{url}/health")
        say(f"  {name} serves at {url}, as {stage.ids[name]}, with a client secret in a file")
    who_can_what = ("--who", "service/orders", "--can", "billing:Get*", "--on", INVOICE)
    stage.iam("policy", "new", *who_can_what)


def new_secret(stage: Stage, name: str) -> None:
    """Give a service a client secret, in the file that it reads."""
    made = stage.post(f"/v1/services/{name}/credentials", {"kind": "client_secret"})
    stage.ids[f"{name}.secret"] = made["id"]
    write_secret(stage.folder / f"{name}.secret", made["client_secret"])


def start_example(stage: Stage, name: str, port: int, **environment: str) -> None:
    """Start one of the two services, with its own identity and nobody else's."""
    uvicorn = ("uvicorn", "--app-dir", str(EXAMPLES), f"{name}:app", "--port", str(port))
    stage.start(name, *uvicorn, **as_client(stage, name, stage.ids[name]), **environment)


def as_client(stage: Stage, name: str, client_id: str) -> dict[str, str]:
    """What a process must know to be this client."""
    file = stage.folder / f"{name}.secret"
    return {"IAM_CLIENT_ID": client_id, "IAM_CLIENT_SECRET_FILE": str(file)}


# --- steps ----------------------------------------------------------------------------------------


def change(stage: Stage, kind: str, *words: str) -> None:
    """Make a change, unless this run is to show that the demo notices when it is not made."""
    if kind == stage.left_out:
        say(f"    (left out: iam {' '.join(words)})")
    else:
        stage.iam(*words)


def expect(
    stage: Stage, verdict: str, status: int, code: str | None = None, *, within: int | None = None
) -> None:
    """Let orders call billing until the answer is the expected one, or it takes too long."""
    began = time.monotonic()
    while True:
        asked = time.monotonic() - began
        said = NEARBY.get(f"{stage.orders}/orders/42").json()["billing"]
        found = said["status"], told(said["said"], "code")
        if found == (status, code):
            break
        if asked > (within or REFUSAL_SECONDS):
            raise Differs(f"expected {verdict} ({status} {code or ''}), billing said {said}")
        time.sleep(0.1)
    stage.steps += 1
    more = f", decision {decision}" if (decision := told(said["said"], "decision_id")) else ""
    say(f"  orders calls billing: {verdict} ({status} {code or 'OK'}{more}; after {asked:.1f} s)")


def expect_no_token(stage: Stage, secret: str, reason: str) -> None:
    """Ask for a token with the credential of orders; it must be refused for this reason."""
    connection = iam_sdk.connect(
        issuer=stage.environment["IAM_ISSUER"],
        url=stage.url,
        client_id=stage.ids["orders"],
        client_secret_file=stage.folder / secret,
    )
    try:
        connection.tokens.token(BILLING)
    except iam_sdk.IamSdkError as error:
        if str(error.reason) == reason:
            stage.steps += 1
            say(f"  orders asks for a new token: REFUSED ({reason})")
            return
        raise Differs(f"expected no token ({reason}), found {error.reason}") from None
    raise Differs("expected no token for orders, and one was issued")


def told(said: Any, name: str) -> Any:
    """A member of a problem document; FastAPI puts it below `detail`."""
    return said.get(name) or dict(said.get("detail") or {}).get(name)


# --- processes ------------------------------------------------------------------------------------


@contextmanager
def new_stage(left_out: str | None) -> Iterator[Stage]:
    """A temporary directory and room for processes; both are gone afterwards."""
    # What is set for another server must not reach this one, nor a profile of whoever runs it.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IAM_")}
    with tempfile.TemporaryDirectory(prefix="iam-demo-") as name, ExitStack() as processes:
        stage = Stage(Path(name), processes, {**clean, "HOME": name, "NO_COLOR": "1"}, left_out)
        try:
            yield stage
        except (Differs, TimeoutError):
            say_logs(stage.folder)
            raise


def say_logs(folder: Path) -> None:
    """Show how the logs end: they are gone in a moment."""
    time.sleep(1)  # what goes wrong is logged after it was answered
    for log in sorted(folder.glob("*.log")):
        say(f"\n--- the log of {log.stem} ends with")
        say("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]))


def write_secret(file: Path, secret: str) -> None:
    """Write a file that only its owner may read."""
    file.touch(mode=0o600)
    file.write_text(secret, encoding="utf-8")


def quoted(word: str) -> str:
    """A word as a shell wants it."""
    return f"'{word}'" if "*" in word else word


def title(text: str) -> None:
    """Say what happens next."""
    say(f"\n  {text[0].upper()}{text[1:]}.")


def say(text: str) -> None:
    """Tell the person who watches, at once."""
    print(text, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("\nstopped")
        sys.exit(130)
