"""Credentials: what proves a service: client secrets, public keys, addresses of key sets.

Owns the tables `credentials` and `credential_uses` (the latter is written by `work/uses.py`).
Invariants: a secret is shown once and only its SHA-256 is kept; a service has no more live client
secrets than the settings allow, whoever races; a revoked credential never proves anything again,
and the tokens that were issued with it end with it; *expired* follows from the clock and is never
stored.
"""
