"""Revocation: a client ends a token of its own (RFC 7009).

Owns no table; it marks rows of the ledger. Invariants: a revocation is durable before its 200, is
an event, and holds on every replica within a second; nothing un-revokes; a client ends only what
was issued to it. A token that is unknown, over, or somebody else's is answered with 200 and nothing
happens: the client could do nothing with another answer, and would learn what it should not.
"""
