"""Hands a credential over that was made on the host: stored as a profile, or shown once."""

from iam.terminal.own_name import own_name
from iam.terminal.profiles import DEFAULT_PROFILE, Profile, save_profile
from iam.terminal.terminal import Terminal


def hand_over(terminal: Terminal, profile: Profile, *, stored_as: str | None) -> None:
    """Show the credential, once; or store it, and show where."""
    file = save_profile(stored_as, profile) if stored_as else None
    if terminal.output.as_json:
        terminal.output.json({
            "client_id": profile.client_id,
            "client_secret": profile.client_secret,
            "issuer": profile.issuer,
        })  # fmt: skip
    elif file is not None:
        suffix = "" if stored_as == DEFAULT_PROFILE else f" --profile {stored_as}"
        terminal.output.text(
            f"stored as profile `{stored_as}` in {file}\n\nnext:  {own_name()} whoami{suffix}"
        )
    else:
        terminal.output.text(
            f"client id      {profile.client_id}\n"
            f"client secret  {profile.client_secret}\n"
            f"issuer         {profile.issuer}\n\n"
            "The secret is not shown again."
        )
