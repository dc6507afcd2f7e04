"""Restores: a backup takes the place of the database, and nothing revoked since comes back with it.

Owns the table `restores`. Invariants: what was issued before a restore, or after the backup, is
refused (the restore epoch), and nothing that it signed verifies (new signing keys); credentials are
quarantined, because some of them may have been revoked since, unless somebody says otherwise; until
all of that is done, no server starts on the database.
"""
