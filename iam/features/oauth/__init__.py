"""OAuth: how a client proves itself, and how it gets a token (RFC 6749).

Owns no table: credentials, principals and the ledger belong to their features. The token endpoint
is one pipeline in `service.py`; what differs between grants fills its hooks in `grants/`, so that
no grant can forget a check.

Invariants: a form is parsed once, into a frozen value; a client that fails to prove itself learns
nothing about why, not even whether it exists; a client assertion counts once, on whichever replica
and endpoint; nothing leaves that the ledger did not accept.

A client is named by its immutable id (`svc_...`) and by nothing else: a name or an ARN may come to
mean somebody else.
"""
