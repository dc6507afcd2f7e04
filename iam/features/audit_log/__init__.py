"""The audit log as people and programs read it: what happened, who did it, and what was refused.

Reads the table `audit_entries`, which the journal alone writes. Invariants: there is no way to
change or remove an entry here (AL-02); a reader sees its own account and no other; no entry holds
a secret, because the journal never records one.

It is sealed: `jobs.py` numbers entries after their commit, chains them, signs what they add up to
(tables `audit_chains` and `audit_checkpoints`, which the journal writes as well), copies that out
of the database, and removes what is old under a signed tombstone. What anybody can check of it
without this server is in docs/audit-log.md.
"""
