"""Roles: principals without credentials, which are assumed by whom their trust policy lets.

Owns the rows of kind `role` in `principals`. Invariants: those of `principals`; a role has a
trust policy; a stored trust policy names principals by their immutable id, so that whoever gets a
deleted one's name inherits nothing; nobody may let everybody in without a condition.
"""
