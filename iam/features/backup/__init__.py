"""Backups: the whole database in one file that only its owners can open.

Owns the table `backups`. A file holds one consistent state, in one form for SQLite and PostgreSQL:
lines of JSON, compressed, and encrypted (age) for the master key and for every recovery recipient.
Invariants: there is no backup that only the master key opens, because both are lost together; a
file that was changed, or cut off, is refused; what a backup is worth is found out by restoring it.
"""
