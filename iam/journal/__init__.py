"""The journal: what a transaction changed becomes audit, outbox and change-log rows at commit.

* `events.py`: the catalogue of events, and which tables are audited.
* `record.py`: watches a session and keeps what its flushes change, row by row.
* `write.py`: turns events and recorded changes into rows; the tripwire lives here.
* `changes.py`: reads the change log, so that the snapshots of every replica are invalidated.
* `denials.py`: writes refusals in batches, outside the request.
* `seal.py`, `canonical.py`: what of an entry is hashed and signed, and how; `sealed_log.py`
  verifies a log of such entries. Pure.
* `chains.py`: seals entries in the database; `chain_reading.py` reads what is sealed,
  `chain_upkeep.py` copies it out, removes what is old, and erases a person.

Tables: `audit_entries`, `outbox_messages`, `changes`. Invariant: an audited row that changed has
exactly one event in the same transaction, or the commit is refused.
"""
