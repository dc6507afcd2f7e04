"""The installation as a whole: its first start, its first administrator, its schema.

Owns the table `installation`. Invariants: the master key that opens this installation is the one
it was made with; there is no default secret; the first administrator is made on the host, once.
"""
