"""Who sees beyond its own account (row security), and why it may."""

from tests.contracts.source_tree import SERVER, python_files
from tests.contracts.test_transactions import callers

MAY_SEE_ALL = {
    "iam/features/accounts/service.py": "callers of `main` who may look after accounts",
    "iam/features/audit_log/jobs.py": "the seal, over the entries of every account",
    "iam/features/audit_log/service.py": "what is erased of a principal, wherever it has acted",
    "iam/features/deliveries/jobs.py": "the pump, and housekeeping of what it delivered",
    "iam/features/diagnostics/service.py": "a diagnosis of the installation, for callers of `main`",
    "iam/features/guardrails/service.py": "callers of `main` who may attach guardrails",
    "iam/features/health/service/probes.py": "checks of the installation, for callers of `main`",
    "iam/features/health/service/readings.py": "metrics of the same, for the same",
    "iam/features/installation/jobs.py": "housekeeping of what every account's requests leave",
    "iam/features/installation/service.py": "shipped policies belong to an account of their own",
    "iam/features/mail/jobs.py": "housekeeping of every account's mail",
    "iam/features/master_key/service.py": "whatever is sealed, in every account, is sealed anew",
    "iam/features/principal_elements/queries.py": "whether an account exists that a document names",
    "iam/features/restore/service.py": "a restore quarantines the credentials of every account",
    "iam/features/tokens/jobs.py": "housekeeping of every account's tokens",
    "iam/features/why/jobs.py": "housekeeping of what every account's decisions leave",
    "iam/features/why/queries.py": "what changed the guardrails that bind the caller's account",
}


def test_only_those_named_see_beyond_their_own_account() -> None:
    assert set(callers({"see_all_accounts"}, python_files(SERVER))) == set(MAY_SEE_ALL)
