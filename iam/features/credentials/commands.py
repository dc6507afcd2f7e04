"""`iam credential ...`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from iam.terminal.commands import Commands
from iam.terminal.documents import read_json
from iam.terminal.failures import usage
from iam.terminal.options import DescriptionOption, LimitOption
from iam.terminal.private_output import write_secret
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

CredentialArgument = Annotated[
    str, typer.Argument(metavar="CREDENTIAL", help="Its id: crd_...; see `iam credential list`.")
]
ExpiresOption = Annotated[
    str | None,
    typer.Option("--expires-at", metavar="INSTANT", help="Such as 2027-01-31T00:00:00Z."),
]
_COLUMNS = (
    Column("Id"),
    Column("Holder", lambda row: row["holder"].rpartition(":")[2]),
    Column("Kind"),
    Column("Status"),
    Column("Expires at"),
    Column("Last used", lambda row: (row["last_use"] or {}).get("at")),
    Column("Hint"),
)

commands = Commands("credential", about="What proves a service: secrets and keys.")


@commands.command(
    "create",
    examples=(
        "credential create service/billing",
        "credential create service/billing --secret-file billing.secret",
        "credential create service/billing --public-key @public.jwk",
    ),
)
def create_credential(
    terminal: Terminal,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="service/NAME.")],
    *,
    public_key: Annotated[
        str | None,
        typer.Option("--public-key", metavar="JWK", help="Register this key: JSON, @FILE or -."),
    ] = None,
    jwks_uri: Annotated[
        str | None, typer.Option("--jwks-uri", metavar="URL", help="Where it publishes its keys.")
    ] = None,
    expires_at: ExpiresOption = None,
    description: DescriptionOption = None,
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret-file", metavar="FILE", help="Write the secret here, mode 0600."),
    ] = None,
) -> None:
    """Make a client secret, which is shown once; or register a key."""
    body = _proof(public_key, jwks_uri)
    options = {"expires_at": expires_at, "description": description}
    body |= {name: value for name, value in options.items() if value is not None}
    path = f"{terminal.refer(service, 'service').path}/credentials"
    with write_secret(secret_file) as write:
        made = terminal.api.post(path, body)
        secret = made.get("client_secret")
        if secret is not None and secret_file is not None:
            write(secret)
            made = {**made, "client_secret": f"in {secret_file}"}
    terminal.output.record(made)
    if secret is not None and secret_file is None:
        terminal.output.remark("the secret is not shown again")


@commands.command(
    "list", examples=("credential list --expiring 30d", "credential list --holder service/billing")
)
def list_credentials(
    terminal: Terminal,
    *,
    holder: Annotated[
        str | None, typer.Option("--holder", metavar="HOLDER", help="Only those of service/NAME.")
    ] = None,
    expiring: Annotated[
        str | None, typer.Option("--expiring", metavar="DURATION", help="Within: 30d, 12h.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", metavar="KIND", help="client_secret, public_key or jwks_uri."),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="active, quarantined, expired, revoked."),
    ] = None,
    limit: LimitOption = None,
) -> None:
    """List credentials, oldest first."""
    terminal.list(
        "/v1/credentials",
        _COLUMNS,
        limit=limit,
        principal=holder,
        expiring=expiring,
        kind=kind,
        status=status,
    )


@commands.command("show")
def show_credential(terminal: Terminal, credential: CredentialArgument) -> None:
    """Show a credential; never its secret."""
    terminal.output.record(terminal.api.get(terminal.refer(credential, "credential").path))


@commands.command(
    "update", examples=("credential update crd_... --expires-at 2027-01-31T00:00:00Z",)
)
def update_credential(
    terminal: Terminal,
    credential: CredentialArgument,
    *,
    expires_at: ExpiresOption = None,
    description: DescriptionOption = None,
) -> None:
    """Change the description, or let it expire earlier."""
    reference = terminal.refer(credential, "credential")
    terminal.update(reference, expires_at=expires_at, description=description)


@commands.command("quarantine")
def quarantine_credential(terminal: Terminal, credential: CredentialArgument) -> None:
    """Put a credential out of use until it is reactivated."""
    _switch(terminal, credential, "quarantine")


@commands.command("reactivate")
def reactivate_credential(terminal: Terminal, credential: CredentialArgument) -> None:
    """End a quarantine."""
    _switch(terminal, credential, "reactivate")


@commands.command("revoke")
def revoke_credential(terminal: Terminal, credential: CredentialArgument) -> None:
    """End a credential for good, and every token that was issued with it."""
    _switch(terminal, credential, "revoke")


def _switch(terminal: Terminal, credential: str, verb: str) -> None:
    reference = terminal.refer(credential, "credential")
    answer = terminal.api.post(f"{reference.path}:{verb}")
    terminal.output.done(f"{reference.name} is {answer['status']}", answer)


def _proof(public_key: str | None, jwks_uri: str | None) -> dict[str, Any]:
    if public_key is not None and jwks_uri is not None:
        raise usage("give either --public-key or --jwks-uri")
    if public_key is not None:
        return {"kind": "public_key", "public_jwk": read_json(public_key)}
    if jwks_uri is not None:
        return {"kind": "jwks_uri", "jwks_uri": jwks_uri}
    return {"kind": "client_secret"}
