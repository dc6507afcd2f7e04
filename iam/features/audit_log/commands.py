"""`iam audit-log ...`."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iam.terminal.commands import Commands
from iam.terminal.documents import read_json
from iam.terminal.durations import instant_ago
from iam.terminal.failures import Failure, usage
from iam.terminal.references import HOLDERS, quoted
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

_COLUMNS = (
    Column("When", "occurred_at"),
    Column("Type", lambda row: row["type"].removeprefix("iam.").removesuffix(".v1")),
    Column("Outcome"),
    Column("Actor", lambda row: row["actor"].rpartition(":")[2]),
    Column("Subject", lambda row: row["subject"].rpartition(":")[2]),
    Column("Id"),
)
_USUAL = 50
_LINES_AT_ONCE = 1_000

if TYPE_CHECKING:
    from iam.journal.sealed_log import Shipped, Verified
    from iam_sdk.jws import KeySet

commands = Commands("audit-log", about="The record of every change and every refusal.")


@commands.command(
    "list",
    examples=(
        "audit-log list --since 1h",
        "audit-log list --type 'user.*' --target user/alice",
        "audit-log list --outcome denied --actor service/orders --json",
    ),
)
def list_events(
    terminal: Terminal,
    *,
    event_type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="As in the list; may end in *: user.*"),
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="REFERENCE", help="Who did it.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="REFERENCE", help="What it happened to.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", metavar="OUTCOME", help="success or denied.")
    ] = None,
    decision: Annotated[
        str | None, typer.Option("--decision", metavar="ID", help="dec_..., as in a refusal.")
    ] = None,
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="req_..., as in an answer.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="Such as 1h, or 2026-07-01T12:00:00Z."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", help="As --since.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="At most so many.")
    ] = _USUAL,
) -> None:
    """List events, newest first."""
    terminal.list(
        "/v1/audit-events",
        _COLUMNS,
        limit=limit,
        type=_event_type(event_type),
        actor=_arn(terminal, actor),
        target=_arn(terminal, target),
        outcome=outcome,
        decision_id=decision,
        request_id=request,
        since=instant_ago(since),
        until=instant_ago(until),
    )


@commands.command("show", examples=("audit-log show evt_...",))
def show_event(
    terminal: Terminal,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its id: evt_...")],
) -> None:
    """Show an event with the values before and after."""
    terminal.output.record(terminal.api.get(f"/v1/audit-events/{quoted(event)}"))


@commands.command("key", examples=("audit-log key > audit-keys.json",))
def show_keys(terminal: Terminal) -> None:
    """Show the public keys that verify the sealed log. Keep them apart from the log."""
    terminal.output.json(terminal.api.get("/v1/audit-log/keys"))


@commands.command("export", examples=("audit-log export > audit.jsonl",))
def export_log(terminal: Terminal) -> None:
    """Write the sealed log of the account, one JSON object a line; docs/audit-log.md describes it.

    What has happened within the last minute may not be sealed yet, and is left out.
    """
    for line in _lines(terminal):
        terminal.output.json_line(line)


@commands.command(
    "verify",
    examples=(
        "audit-log verify --key audit-keys.json",
        "audit-log verify audit.jsonl --key audit-keys.json --checkpoints checkpoints.jsonl",
    ),
)
def verify_log(
    terminal: Terminal,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="An export, - for stdin; else the server is asked."),
    ] = None,
    *,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="The public keys, as `audit-log key` shows."),
    ] = None,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option("--checkpoints", metavar="FILE", help="Checkpoints that were kept elsewhere."),
    ] = None,
) -> None:
    """Verify a sealed log; name the first entry that is not as it was sealed, or is missing.

    With a file and a key no server is needed. Without --checkpoints a tail that was cut off is not
    seen, nor without --key that who changed the log also changed its key.
    """
    from iam.journal import sealed_log

    keys = _keys(terminal, key, is_offline=file is not None)
    with ExitStack() as opened:
        try:
            kept = [one for path in checkpoints or () for one in _kept(path, keys)]
            lines = _texts(terminal, file, opened)
            found = sealed_log.verify_log(lines, keys, kept)
        except sealed_log.LogFlawError as flaw:
            detail = {"reason": flaw.reason, "sequence": flaw.sequence}
            raise Failure(
                f"the log is not as it was sealed, from entry {flaw.sequence}: {flaw.message}",
                detail=detail,
            ) from None
    terminal.output.done(_summary(found), _as_json(found))


@commands.command("erase", examples=("audit-log erase usr_...",))
def erase_principal(
    terminal: Terminal,
    principal: Annotated[
        str, typer.Argument(metavar="ID", help="The id of a principal that is deleted: usr_...")
    ],
) -> None:
    """Erase what the log tells of a deleted principal: names, addresses, values. Its seal holds."""
    answer = terminal.api.post("/v1/audit-log:erase", {"principal": principal})
    terminal.output.done(f"erased {principal} from {answer['entries']} entries", answer)


def _lines(terminal: Terminal) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        query = {"limit": _LINES_AT_ONCE} | ({"cursor": cursor} if cursor else {})
        page = terminal.api.get("/v1/audit-log/lines", **query)
        yield from page["lines"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def _texts(terminal: Terminal, file: Path | None, opened: ExitStack) -> Iterator[str]:
    if file is None:
        return (json.dumps(line) for line in _lines(terminal))
    if str(file) == "-":
        return iter(sys.stdin)
    try:
        return iter(opened.enter_context(file.expanduser().open(encoding="utf-8")))
    except OSError as error:
        raise usage(f"cannot read `{file}`: {error.strerror}") from None


def _keys(terminal: Terminal, key: Path | None, *, is_offline: bool) -> "KeySet":
    from iam_sdk.errors import KeySetError
    from iam_sdk.jws import KeySet

    if key is None and is_offline:
        raise usage("whose signatures are to count?", "name the public keys with --key FILE")
    jwks = terminal.api.get("/v1/audit-log/keys") if key is None else read_json(f"@{key}")
    if isinstance(jwks, dict) and "keys" not in jwks:
        jwks = {"keys": [jwks]}
    try:
        return KeySet.from_jwks(jwks)
    except KeySetError as error:
        raise usage(f"expected a JWK set: {error}") from None


def _kept(path: Path, keys: "KeySet") -> "list[Shipped]":
    from iam.journal.sealed_log import read_shipped

    try:
        with path.expanduser().open(encoding="utf-8", errors="replace") as opened:
            return read_shipped(opened, keys)
    except OSError as error:
        raise usage(f"cannot read `{path}`: {error.strerror}") from None


def _as_json(found: "Verified") -> dict[str, Any]:
    names = (
        "issuer", "account", "chain", "first", "last", "entries", "erased", "checkpoints",
        "signed_at",
    )  # fmt: skip
    return {name: getattr(found, name) for name in names}


def _summary(found: "Verified") -> str:
    if not found.entries:
        return f"the log of `{found.account}` holds: it has no entry"
    text = (
        f"the log of `{found.account}` holds: {found.entries} entries, {found.first} to "
        f"{found.last}, under {found.checkpoints} checkpoints, the last of {found.signed_at}"
    )
    return f"{text}; {found.erased} with a part erased" if found.erased else text


def _event_type(text: str | None) -> str | None:
    """What the server takes, also for a type as the list shows it: bare of product and version."""
    if text is None or text == "*" or text.startswith("iam."):
        return text
    return f"iam.{text}" if text.endswith("*") else f"iam.{text}.v1"


def _arn(terminal: Terminal, text: str | None) -> str | None:
    """What the server takes: an ARN or an id, also of what is there no more."""
    if text is None or "/" not in text or text.startswith("arn:"):
        return text
    reference = terminal.refer(text, *HOLDERS, "policy")
    arn: str = terminal.api.get(reference.path)["arn"]
    return arn
