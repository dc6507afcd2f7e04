"""What an operator has set on this host, where it is from, and what is wrong with it.

Owns no table, and has no API: settings belong to a host. Invariants: everything that is wrong is
told at once; no value of a secret is ever shown; the table in the documentation is this code's.
"""
