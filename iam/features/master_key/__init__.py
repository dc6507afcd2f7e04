"""The master key: which one seals, how one follows another, and who can recover it.

Owns the tables `master_keys` and `recovery_recipients`. The keys themselves are in the key file of
each replica and nowhere else. Invariants: one key is active, and the database says which, so that
all replicas change over together; a key leaves the file only when nothing in the database is sealed
with it; a recipient counts once somebody has shown that the recovery copy opens.
"""
