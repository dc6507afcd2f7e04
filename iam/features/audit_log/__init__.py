"""The audit log as people and programs read it: what happened, who did it, and what was refused.

Reads the table `audit_entries`, which the journal alone writes. Invariants: there is no way to
change or remove an entry here (AL-02); a reader sees its own account and no other; no entry holds
a secret, because the journal never records one.
"""
