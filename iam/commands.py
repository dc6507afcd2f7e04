"""DOOR: operators. The one list of commands that run and end, as `cli` adds them to `iam`."""

import typer

from iam.features.access import commands as access
from iam.features.accounts import commands as accounts
from iam.features.attachments import commands as attachments
from iam.features.audit_log import commands as audit_log
from iam.features.backup import commands as backup
from iam.features.catalogues import commands as catalogues
from iam.features.configuration import commands as configuration
from iam.features.credentials import commands as credentials
from iam.features.decisions import commands as decisions
from iam.features.demo import commands as demo
from iam.features.diagnostics import commands as diagnostics
from iam.features.groups import commands as groups
from iam.features.guardrails import commands as guardrails
from iam.features.installation import commands as installation
from iam.features.jobs import commands as jobs
from iam.features.mail import commands as mail
from iam.features.master_key import commands as master_key
from iam.features.me import commands as me
from iam.features.policies import commands as policies
from iam.features.recovery import commands as recovery
from iam.features.rescue import commands as rescue
from iam.features.resource_policies import commands as resource_policies
from iam.features.restore import commands as restore
from iam.features.roles import commands as roles
from iam.features.services import commands as services
from iam.features.settings import commands as settings
from iam.features.signing_keys import commands as signing_keys
from iam.features.simulation import commands as simulation
from iam.features.users import commands as users
from iam.features.webhooks import commands as webhooks
from iam.features.why import commands as why

GROUPS = (
    users.commands,
    services.commands,
    groups.commands,
    roles.commands,
    access.commands,
    policies.commands,
    catalogues.commands,
    attachments.inline,
    attachments.boundary,
    resource_policies.commands,
    guardrails.commands,
    credentials.commands,
    signing_keys.commands,
    jobs.commands,
    accounts.commands,
    audit_log.commands,
    backup.commands,
    master_key.commands,
    webhooks.commands,
    mail.commands,
)

simulation.add_commands(policies.commands.typer)
access.add_commands(policies.commands.typer)
recovery.add_commands(master_key.commands.typer)
restore.add_commands(backup.commands.typer)


def add_commands(app: typer.Typer) -> None:
    """Add them all to `iam` itself."""
    installation.add_commands(app)
    settings.add_commands(app)
    diagnostics.add_commands(app)
    rescue.add_commands(app)
    demo.add_commands(app)
    me.add_commands(app)
    configuration.add_commands(app)
    decisions.add_commands(app)
    why.add_commands(app)
    for group in GROUPS:
        app.add_typer(group.typer)
