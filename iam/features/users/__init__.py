"""Users: people. The reference feature: build others in its shape.

Owns the rows of kind `user` in `principals`. Invariants: those of `principals`; an email address
is information, never an identity (nobody is matched by it).
"""
