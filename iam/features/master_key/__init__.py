"""The master key: which one seals, and how one follows another.

Owns the table `master_keys`. The keys themselves are in the key file of each replica and nowhere
else. Invariants: one key is active, and the database says which, so that all replicas change over
together; a key leaves the file only when nothing in the database is sealed with it.
"""
