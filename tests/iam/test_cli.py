"""The command line as people and scripts use it, against a real server."""

import json
import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from iam.cli import program
from iam.kit.secrets import SECRET_PATTERN
from tests.contracts.source_tree import ROOT
from tests.host import PATIENCE, Host, Served

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"IAM": "arn:iam:iam::main:service/admin"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@dataclass(frozen=True)
class Ended:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Shell:
    """A host whose server runs, and where the profile of an administrator is stored."""

    host: Host
    served: Served

    def iam(self, *arguments: str, **more: str) -> Ended:
        """Run a command, whatever comes of it; in this process, for imports take a second."""
        foreign: dict[str, str | None] = {name: None for name in os.environ if name[:4] == "IAM_"}
        with chdir(self.host.directory):
            result = CliRunner().invoke(
                program(), arguments, env={**foreign, **self.host.environment, **more}
            )
        return Ended(result.exit_code, result.stdout, result.stderr)

    def done(self, *arguments: str, **more: str) -> str:
        """Run a command that must succeed; returns what it says."""
        result = self.iam(*arguments, **more)
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    host = Host(tmp_path_factory.mktemp("host"), {"IAM_OUTBOUND_ALLOW": "127.0.0.0/8"})
    with host.serve() as served:
        result = host.run("bootstrap", "--local", "--service", "admin", "--save-profile")
        assert result.returncode == 0, result.stderr
        assert not re.search(SECRET_PATTERN, result.stdout + result.stderr)
        yield Shell(host, served)
        assert not re.search(SECRET_PATTERN, served.log)  # LG-01


def test_the_stored_profile_is_private_and_makes_the_next_command_work(shell: Shell) -> None:
    file = shell.host.directory / "home" / ".config" / "iam" / "profiles.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = shell.done("whoami")
    assert "arn:iam:iam::main:service/admin" in told
    assert "group/administrators" in told


def test_doctor_looks_at_the_whole_installation_and_says_what_to_do(shell: Shell) -> None:
    # The issuer of this server is not where it listens, as behind a proxy that is not there.
    deadline = time.monotonic() + PATIENCE
    while True:
        asked = shell.iam("doctor", "--json")
        assert asked.returncode == 1
        checks = {each["check"]: each for each in json.loads(asked.stdout)}
        # Its worker begins when it serves, and so may not have begun.
        if checks["worker"]["status"] == "ok" or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert checks["issuer"]["status"] == "error"
    assert "IAM_ISSUER" in checks["issuer"]["advice"]
    assert checks["administrators"]["status"] == "warning"
    assert {check for check, each in checks.items() if each["status"] == "ok"} >= {
        "schema",
        "transport",
        "key access_token",
        "worker",
        "audit log",
    }
    assert all(each["advice"] for each in checks.values() if each["status"] != "ok")
    local = shell.iam("doctor", "--local")
    assert local.returncode == 0, local.stdout
    assert "warning  administrators: one can administer `main`" in local.stdout


def test_pe_34_a_rescue_on_the_host_opens_a_way_in_and_raises_an_alarm(shell: Shell) -> None:
    words = ("rescue", "--local", "--reason", "nobody is left", "--save-profile")
    opened = shell.host.run(*words)
    assert opened.returncode == 0, opened.stderr
    assert "rescue_opened" in opened.stderr
    assert "/rescue/rescue-" in shell.done("whoami", "--profile", "rescue")
    shell.done("user", "list", "--profile", "rescue")
    told = shell.done("audit-log", "list", "--type", "service.rescued")
    assert "  root  " in told


def test_a_second_bootstrap_is_refused(shell: Shell) -> None:
    result = shell.host.run("bootstrap", "--local", "--service", "other", "--json")
    assert result.returncode == 6
    assert json.loads(result.stderr.splitlines()[-1])["code"] == "bootstrapped_already"
    assert not result.stdout


def test_bootstrap_works_before_the_first_start_and_shows_the_secret_once(tmp_path: Path) -> None:
    host = Host(tmp_path)
    result = host.run("bootstrap", "--local", "--service", "terraform", "--json")
    assert result.returncode == 0, result.stderr
    assert {stat.S_IMODE(file.stat().st_mode) for file in host.data.iterdir()} == {0o600}  # SR-10
    shown = json.loads(result.stdout)
    assert set(shown) == {"client_id", "client_secret", "issuer"}
    assert shown["client_secret"] not in result.stderr
    with host.serve() as served:
        assert "next_command" not in served.ready
        told = host.run(
            "--server",
            served.url,
            "whoami",
            "--json",
            IAM_CLIENT_ID=shown["client_id"],
            IAM_CLIENT_SECRET=shown["client_secret"],
        )
        assert json.loads(told.stdout)["name"] == "terraform", told.stderr
        assert shown["client_secret"] not in served.log


def test_a_local_command_wants_the_word(tmp_path: Path) -> None:
    result = Host(tmp_path).run("bootstrap", "--service", "admin")
    assert result.returncode == 2
    assert "--local" in result.stderr
    assert not (tmp_path / "data").exists()


def test_a_user_is_created_shown_listed_changed_and_deleted(shell: Shell) -> None:
    shell.done("user", "create", "alice", "--display-name", "Alice Ng", "--tag", "team=pay")
    shown = shell.done("user", "show", "user/alice")
    assert re.search(r"^display name +Alice Ng$", shown, re.MULTILINE)
    assert re.search(r"^tags +team=pay$", shown, re.MULTILINE)
    assert "\x1b" not in shown
    listed = json.loads(shell.done("--json", "user", "list"))
    assert [user["name"] for user in listed] == ["alice"]
    shell.done("user", "update", "alice", "--email", "alice@corp.local")
    assert shell.done("user", "disable", "alice") == "user/alice is disabled\n"
    assert shell.done("user", "delete", "alice") == "deleted user/alice\n"
    gone = shell.iam("user", "show", "alice", "--json")
    assert gone.returncode == 5
    assert json.loads(gone.stderr)["code"] == "not_found"


def test_a_first_policy_decides_what_its_holder_may(shell: Shell) -> None:
    shell.done("group", "create", "payments")
    shell.done("service", "create", "orders", "--owner", "group/payments")
    words = ["--who", "service/orders", "--can", "billing:Get*"]
    words += ["--on", "arn:iam:billing::main:invoice/*"]
    printed = shell.done("policy", "new", *words, "--print").rstrip()
    assert len(printed.splitlines()) == 5
    assert shell.done("policy", "new", *words).startswith(printed)
    ask = (
        "decide",
        "--principal",
        "service/orders",
        "--resource",
        "arn:iam:billing::main:invoice/1",
    )
    assert shell.done(*ask, "--action", "billing:GetInvoice").startswith("allowed")
    denied = shell.iam(*ask, "--action", "billing:DeleteInvoice")
    assert (denied.returncode, denied.stdout.splitlines()[0]) == (4, "denied: nothing allows it")
    shell.done("policy", "detach", "orders-billing", "service/orders")
    assert shell.iam(*ask, "--action", "billing:GetInvoice").returncode == 4


def test_groups_roles_credentials_and_accounts_are_managed(shell: Shell) -> None:
    shell.done("user", "create", "bob")
    shell.done("group", "create", "support")
    shell.done("group", "add-member", "support", "user/bob", "service/admin")
    assert "service/admin" in shell.done("group", "members", "support")
    shell.done("group", "remove-member", "support", "service/admin")
    (shell.host.directory / "trust.json").write_text(json.dumps(TRUST))
    shell.done("role", "create", "deployer", "@trust.json", "--max-session", "2h")
    assert (
        json.loads(shell.done("role", "show", "deployer", "--json"))["max_session_seconds"] == 7200
    )
    shell.done("service", "create", "mail", "--owner", "user/bob")
    made = shell.done(
        "credential", "create", "service/mail", "--secret-file", "mail.secret", "--json"
    )
    file = shell.host.directory / "mail.secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert re.fullmatch(SECRET_PATTERN, file.read_text().strip())
    assert not re.search(SECRET_PATTERN, made)
    soon = json.loads(shell.done("credential", "list", "--expiring", "90d", "--json"))
    assert json.loads(made)["id"] in {each["id"] for each in soon}
    assert "is revoked" in shell.done("credential", "revoke", json.loads(made)["id"])
    shell.done("account", "create", "acme")
    assert "acme" in shell.done("account", "list")


def test_what_somebody_holds_is_written_over_whatever_its_version(shell: Shell) -> None:
    shell.done("user", "create", "vera")
    for action in ("billing:GetInvoice", "billing:ListInvoices"):
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        shell.done("inline-policy", "put", "user/vera", "own", text)
        assert action in shell.done("inline-policy", "show", "user/vera", "own")
    for policy in ("ReadOnlyAccess", "SecurityAudit"):
        assert policy in shell.done("boundary", "set", "user/vera", policy)
    shell.done("boundary", "remove", "user/vera")
    shell.done("inline-policy", "delete", "user/vera", "own")
    assert shell.iam("inline-policy", "show", "user/vera", "own").returncode != 0


def test_catalogues_are_registered_shown_and_deleted(shell: Shell) -> None:
    shell.done("service", "create", "mailer", "--owner", "group/administrators")
    actions = [{"name": "Send", "access_level": "write"}]
    document = json.dumps({"prefix": "mail", "actions": actions})
    made = shell.done("catalogue", "put", "mail", document, "--owner", "mailer")
    assert made == "`mail` has 1 action\n"
    shell.done("catalogue", "put", "mail", document, "--owner", "service/mailer")
    listed = shell.done("catalogue", "list").splitlines()
    assert [line.split()[0] for line in listed[1:]] == [
        "audit", "decisions", "iam", "organizations", "sts", "mail",
    ]  # fmt: skip
    assert "service/mailer" in listed[-1]
    assert json.loads(shell.done("catalogue", "show", "mail", "--json"))["prefix"] == "mail"
    taken = shell.iam("catalogue", "put", "mail", document)
    assert (taken.returncode, "belongs to another service" in taken.stderr) == (6, True)
    shell.done("catalogue", "delete", "mail")
    assert shell.iam("catalogue", "show", "mail").returncode == 5


def test_policies_and_principals_are_simulated(shell: Shell) -> None:
    statements: list[dict[str, Any]] = [
        {"Sid": "Send", "Effect": "Allow", "Action": "mail:*", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "billing:*",
            "Resource": "*",
            "Condition": {"StringEquals": {"billing:Currency": "EUR"}},
        },
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    asked = ("policy", "simulate", "--policy", policy, "--action", "mail:Send", "--action")
    told = shell.done(*asked, "billing:Pay", "--explain")
    assert "allowed" in told
    assert "PolicyInputList.1 Send" in told
    assert "nearest in layer identity: PolicyInputList.1 statement 1" in told
    given = ("--context", "billing:Currency=EUR", "--json")
    answer = json.loads(shell.done(*asked, "billing:Pay", *given))
    decisions = [each["eval_decision"] for each in answer["evaluation_results"]]
    assert decisions == ["allowed", "allowed"]
    shell.done("user", "create", "sim")
    stored = ("policy", "simulate", "--principal", "user/sim", "--action", "mail:Send")
    assert "implicitDeny" in shell.done(*stored)
    denied = json.dumps({"Statement": {**statements[0], "Effect": "Deny"}})
    assert "explicitDeny" in shell.done(*stored, "--policy", denied)
    guarded = shell.done(*stored, "--policy", policy, "--scp", "FullAccess", "--scp", denied)
    assert "scp" in guarded
    assert shell.iam(*stored, "--context", "nothing").returncode == 2


def test_guardrails_and_resource_policies_are_managed(shell: Shell) -> None:
    shell.done("account", "create", "guarded")
    everything = {"Effect": "Deny", "Action": "billing:*", "Resource": "*"}
    deny = json.dumps({"Version": "2012-10-17", "Statement": everything})
    assert "scp/keep" not in shell.done("guardrail", "list")
    shell.done("guardrail", "create", "scp/keep", deny, "--description", "first")
    assert shell.iam("guardrail", "create", "scp/keep", deny).returncode != 0
    updated = shell.done("guardrail", "update", "scp/keep", deny.replace("billing", "shop"))
    assert "first" in updated
    assert "shop:*" in shell.done("guardrail", "show", "scp/keep", "--json")
    shell.done("guardrail", "attach", "scp/keep", "account/guarded")
    assert "account/guarded" in shell.done("guardrail", "targets", "scp/keep")
    assert shell.iam("guardrail", "delete", "scp/keep").returncode == 6
    shell.done("guardrail", "detach", "scp/keep", "account/guarded")
    shell.done("guardrail", "delete", "scp/keep")
    assert shell.iam("guardrail", "show", "keep").returncode == 2
    invoice = "arn:iam:billing::main:invoice/42"
    for principal in ("main", "guarded"):
        statement = {**everything, "Principal": {"IAM": principal}}
        policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
        shell.done("resource-policy", "put", invoice, policy)
    assert "iam::guarded:root" in shell.done("resource-policy", "show", invoice, "--json")
    listed = shell.done("resource-policy", "list", "--prefix", "arn:iam:billing:")
    assert listed.count(invoice) == 1
    shell.done("resource-policy", "delete", invoice)
    assert invoice not in shell.done("resource-policy", "list")


def test_keys_are_rotated_and_the_audit_log_tells_it(shell: Shell) -> None:
    assert "active" in shell.done("keys", "list")
    rotated = json.loads(shell.done("keys", "rotate", "--json"))
    assert "prepared" in {key["state"] for key in rotated}
    words = ("audit-log", "list", "--type", "iam.signing_key.*", "--actor", "service/admin")
    (event, *_) = json.loads(shell.done(*words, "--since", "1h", "--json"))
    assert event["type"] == "iam.signing_key.prepared.v1"
    assert event["actor"] == "arn:iam:iam::main:service/admin"
    assert "signing_key.prepared" in shell.done(*words)
    assert event["id"] in shell.done("audit-log", "show", event["id"])


def test_the_sealed_log_is_exported_and_verified(shell: Shell, tmp_path: Path) -> None:
    assert "holds" in shell.done("audit-log", "verify")
    for name, what in (("keys.json", ("key",)), ("audit.jsonl", ("export",))):
        (tmp_path / name).write_text(shell.done("audit-log", *what))
    words = ("audit-log", "verify", str(tmp_path / "audit.jsonl"), "--key")
    found = json.loads(shell.done(*words, str(tmp_path / "keys.json"), "--json"))
    assert (found["account"], found["chain"]) == ("main", "main")
    assert shell.iam("audit-log", "erase", "usr_01kjpstsx0e8qa3cjrr1kh0abd").returncode == 5


@pytest.mark.parametrize(
    "wanted", ["group.created", "group.*", "iam.group.*", "iam.group.created.v1"]
)
def test_events_are_found_by_the_type_that_the_list_shows(shell: Shell, wanted: str) -> None:
    listed = shell.done("audit-log", "list", "--type", wanted).splitlines()[1:]
    assert listed
    assert all(" group." in line for line in listed)


def test_lists_of_commands_say_what_each_does_in_full(shell: Shell) -> None:
    for words in (("policy",), ("guardrail",), ("account",), ("catalogue",)):
        listed = shell.done(*words, "--help").partition("Commands:")[2]
        assert listed
        assert "..." not in listed


@pytest.mark.parametrize(
    ("words", "more", "code", "said"),
    [
        (("user", "create", "no spaces"), {}, 1, "expected 1 to 64 characters"),
        (("user", "show"), {}, 2, "Missing argument"),
        (("policy", "attach", "ReadOnlyAccess", "alice"), {}, 2, "write `user/alice`"),
        (("user", "list", "--profile", "nobody"), {}, 2, "there is no profile `nobody`"),
        (("user", "list", "--server", "http://localhost:1"), {}, 7, "no answer from"),
        (("whoami",), {"IAM_CLIENT_ID": "svc_x", "IAM_CLIENT_SECRET": "wrong"}, 3, "not accept"),
        (("whoami",), {"HOME": "/nonexistent"}, 3, "bootstrap --local"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_the_exit_code_says_what_kind_of_failure_it_was(
    shell: Shell, words: tuple[str, ...], more: dict[str, str], code: int, said: str
) -> None:
    if "IAM_CLIENT_ID" in more:
        more = {**more, "IAM_URL": shell.served.url}
    result = shell.iam(*words, **more)
    assert result.returncode == code, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert not result.stdout


def test_who_can_and_what_somebody_may_are_tables_json_and_csv(shell: Shell) -> None:
    shell.done("user", "create", "wanda")
    statement = {
        "Effect": "Allow",
        "Action": "warehouse:GetStock",
        "Resource": "*",
        "Condition": {"IpAddress": {"iam:SourceIp": "192.0.2.0/24"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    shell.done("policy", "create", "read-stock", document)
    shell.done("policy", "attach", "read-stock", "user/wanda")
    asked = ("policy", "who-can", "warehouse:GetStock", "--resource", "*")
    table = shell.done(*asked)
    assert "IpAddress iam:SourceIp 192.0.2.0/24" in table
    row = "user/wanda,conditional,read-stock,IpAddress iam:SourceIp 192.0.2.0/24"
    lines = shell.done(*asked, "--csv").splitlines()
    assert lines[0] == "principal,decision,granted_by,if"
    assert row in lines
    assert "service/admin,allowed,AdministratorAccess via group/administrators," in lines
    wanda = next(one for one in json.loads(shell.done(*asked, "--json")) if one["name"] == "wanda")
    assert wanda["paths"][0]["conditions"][0]["key"] == "iam:SourceIp"
    access = shell.done("principal", "access", "user/wanda", "--csv").splitlines()
    assert access[1].startswith("Allow,full,warehouse:GetStock,*,read-stock,IpAddress")
    assert json.loads(shell.done("principal", "access", "user/wanda", "--json"))


def test_why_tells_what_was_denied_and_what_made_it_so(shell: Shell) -> None:
    shell.done("user", "create", "wilma")
    asked = ("--action", "warehouse:GetStock", "--resource", "*")
    denied = shell.iam("decide", "--principal", "user/wilma", *asked, "--json")
    assert denied.returncode == 4, denied.stderr
    told = shell.done("why", "--principal", "user/wilma", *asked)
    assert "denied, because no policy of the caller allows it" in told
    statement = {"Effect": "Allow", "Action": "warehouse:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    shell.done("inline-policy", "put", "user/wilma", "stock", document)
    told = shell.done("why", "--principal", "user/wilma", *asked)
    assert "allowed by inline:stock statement 0" in told
    assert "user.inline_policy_put" in told
    assert "by arn:iam:iam::main:service/admin" in told
    # The writer is a second behind at most, and so may be a busy machine.
    words = ("why", json.loads(denied.stdout)["decision_id"])
    for _ in range(100):
        answer = shell.iam(*words)
        if answer.returncode == 0:
            break
        time.sleep(0.1)
    told = answer.stdout
    assert "denied, because no policy of the caller allows it" in told
    assert "today it is allowed" in told
    missing = shell.iam("why", "dec_01kjpymks0ebntxsynhd867qmm")
    assert missing.returncode == 5, missing.stderr
    assert "why --principal user/NAME --action ACTION --resource ARN" in missing.stderr


def test_jobs_run_by_hand_and_by_another_schedule(shell: Shell) -> None:
    assert "prune-tokens" in shell.done("job", "list")
    ran = shell.iam("job", "run", "prune-tokens", "--follow", "--json")
    assert ran.returncode == 0, ran.stderr
    run = json.loads(ran.stdout)
    assert (run["status"], run["requested_by"]) == ("succeeded", "arn:iam:iam::main:service/admin")
    assert "succeeded" in ran.stderr
    assert run["id"] in shell.done("job", "history", "prune-tokens", "--status", "succeeded")
    over = shell.iam("job", "cancel", "prune-tokens", run["id"])
    assert "the run is over" in over.stderr

    shell.done("job", "disable", "prune-tokens")
    shell.done("job", "schedule", "prune-tokens", "@daily", "--time-zone", "Europe/Vienna")
    shown = json.loads(shell.done("job", "show", "prune-tokens", "--json"))
    assert (shown["schedule"], shown["time_zone"]) == ("0 0 * * *", "Europe/Vienna")
    assert not shown["is_enabled"]
    shell.done("job", "schedule", "prune-tokens", "--default", "--time-zone", "UTC")
    assert "enabled" in shell.done("job", "enable", "prune-tokens")
    for wrong in ((), ("@daily", "--default")):
        assert shell.iam("job", "schedule", "prune-tokens", *wrong).returncode == 2


def test_access_is_kept_in_a_file(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "access.yaml"
    file.write_text((ROOT / "examples" / "access.yaml").read_text(encoding="utf-8"))
    apply = ("apply", "-f", str(file))
    shown = shell.done(*apply, "--dry-run")
    assert "create group/invoicing-team" in shown
    assert (
        "for example user/dana: invoicing:PayInvoice on "
        "arn:iam:invoicing::main:invoice/example: denied -> allowed"
    ) in shown
    declined = shell.iam(*apply)
    assert declined.returncode == 1
    assert "the plan widens access: nothing was applied" in declined.stderr
    assert shell.iam("group", "show", "invoicing-team").returncode == 5
    assert shell.done(*apply, "--approved-by", "Dana Okafor").endswith("\nApplied.\n")
    assert shell.done(*apply).startswith("No changes")
    again = json.loads(shell.done(*apply, "--json"))
    assert (again["steps"], again["applied"]) == ([], True)

    assert shell.done("drift", "-f", str(file)).startswith("No drift")
    shell.done("policy", "attach", "ReadOnlyAccess", "group/order-desk")
    shell.done("user", "update", "emil", "--display-name", "E. Novak")
    drifted = shell.iam("drift", "-f", str(file))
    assert drifted.returncode == 1
    assert drifted.stdout.splitlines() == [
        "group/order-desk was changed",
        "    policies: has ReadOnlyAccess, not in the file",
        "user/emil was changed",
        "    display name: is E. Novak, file: Emil Novak",
    ]
    assert shell.done(*apply).endswith("\nApplied.\n")

    exported = tmp_path / "exported.yaml"
    exported.write_text(shell.done("export", "--name", "shop-access"))
    assert shell.done("apply", "-f", str(exported), "--dry-run").startswith("No changes")
    assert shell.done("export", "--name", "shop-access") == exported.read_text()

    text = file.read_text().replace("policies: [pay-invoices]", "policies: [pay-invoice]")
    file.write_text(text.replace("  emil:\n", "  emil:\n    colour: red\n"))
    refused = shell.iam(*apply)
    assert refused.returncode == 2
    heading, first, second = refused.stderr.splitlines()
    assert heading == "iam: the document has 2 defects"
    assert re.match(r".*access\.yaml:\d+:5: \$\.users\.emil\.colour: unknown; expected ", first)
    role = re.escape('$.roles["year-end"].policies')
    assert re.match(rf".*access\.yaml:\d+:5: {role}: there is no policy", second)

    file.write_text("configuration: shop-access\n")
    assert shell.done(*apply).startswith("No changes")
    # With the guardrail goes what it denies, so even to delete everything widens.
    assert shell.iam(*apply, "--prune").returncode == 1
    pruned = shell.done(*apply, "--prune", "--approve-widening", "--json")
    verbs = {step["verb"] for step in json.loads(pruned)["steps"]}
    assert verbs == {"delete"}
    assert shell.iam("group", "show", "invoicing-team").returncode == 5


class Receiver(BaseHTTPRequestHandler):
    """Takes every webhook but those below `/no`."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(500 if self.path == "/no" else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_webhook_from_its_making_to_its_end(shell: Shell) -> None:
    file = shell.host.directory / "mirror.secret"
    with receiving() as url:
        made = shell.done(
            "webhook", "create", "mirror", "--url", f"{url}/yes", "--event", "iam.role.*",
            "--secret-file", str(file),
        )  # fmt: skip
        assert file.read_text().startswith("whsec_")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "whsec_" not in made + shell.done("webhook", "show", "mirror")
        assert "delivered" in shell.done("webhook", "test", "mirror")
        shell.done("webhook", "update", "mirror", "--url", f"{url}/no")
        failed = shell.iam("webhook", "test", "mirror")
        assert (failed.returncode, "http_500" in failed.stderr) == (1, True), failed
    assert "whsec_" in shell.done("webhook", "rotate", "mirror")
    assert "mirror is disabled" in shell.done("webhook", "disable", "mirror")
    assert shell.iam("webhook", "replay", "mirror").returncode == 6
    assert "mirror is active" in shell.done("webhook", "enable", "mirror")
    assert "webhook.tested" in shell.done("webhook", "deliveries", "mirror")
    refused = shell.iam("webhook", "create", "inside", "--url", "https://169.254.169.254/")
    assert (refused.returncode, "IAM_OUTBOUND_ALLOW" in refused.stderr) == (1, True)
    nowhere = ("--kind", "nats", "--url", "nats://127.0.0.1", "--nats-secret-file", "no-such")
    unread = shell.iam("webhook", "create", "bus", *nowhere)
    assert (unread.returncode, "cannot read `no-such`" in unread.stderr) == (2, True)
    shell.done("webhook", "delete", "mirror")
    assert shell.iam("webhook", "show", "mirror").returncode == 5


def test_mail_by_a_server_that_is_not_there_and_in_ones_own_words(shell: Shell) -> None:
    text, password = shell.host.directory / "test.txt", shell.host.directory / "password"
    text.write_text("It works, says {{ sender }}.")
    password.write_text("smtp-password-canary\n")
    with socket.socket() as nobody:  # bound, so that nobody else listens there
        nobody.bind(("127.0.0.1", 0))
        told = shell.done(
            "mail", "route", "create", "first", "--host", "127.0.0.1", "--security", "none",
            "--port", str(nobody.getsockname()[1]), "--from", "iam@shop.example",
            "--username", "iam", "--password-file", str(password),
        )  # fmt: skip
        told += shell.done("mail", "route", "show", "first")
        assert "smtp-password-canary" not in told
        failed = shell.iam("mail", "test", "ana@shop.example")
        assert (failed.returncode, "no server took the mail: connect" in failed.stderr) == (1, True)
    assert "pending" in shell.done("mail", "deliveries")
    shell.done("mail", "route", "update", "first", "--preference", "20")
    wording = ("test", "--subject", "A test", "--text", str(text))
    preview = shell.done("mail", "template", "preview", *wording)
    assert "It works, says arn:iam:iam::main:user/ana." in preview
    shell.done("mail", "template", "put", *wording)
    assert "A test" in shell.done("mail", "template", "list")
    shell.done("mail", "template", "delete", "test")
    wrong = shell.iam("mail", "template", "put", "test", "--subject", "x", "--text", "no-such")
    assert (wrong.returncode, "cannot read `no-such`" in wrong.stderr) == (2, True)
    shell.done("mail", "route", "delete", "first")
    assert "first" not in shell.done("mail", "route", "list")
