"""Work: the only place that commits or rolls back.

Raise, and nothing is kept. Return a refusal, and the outcome is kept although the answer is no.

* `caller.py`: who asks.
* `unit_of_work.py`: one transaction for everything but issuance.
* `ledger.py`: one commit shared by concurrent requests for tokens; `issuance.py` says what is
  written, `ledger_postgresql.py` and `ledger_sqlite.py` how.
* `gate.py`: keeps transactions from overlapping where that would be unsafe.
* `outages.py`: what the database driver raises, in our words; `collisions.py`: what is done again.
"""

from iam.work.caller import Caller
from iam.work.collisions import retried
from iam.work.issuance import Issuance, Refusal
from iam.work.ledger import LedgerBatch
from iam.work.unit_of_work import Asked, Tools, UnitOfWork, begin_work

__all__ = [
    "Asked",
    "Caller",
    "Issuance",
    "LedgerBatch",
    "Refusal",
    "Tools",
    "UnitOfWork",
    "begin_work",
    "retried",
]
