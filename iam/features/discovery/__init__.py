"""Discovery: what this authorization server is and can do (RFC 8414).

Owns no table. Invariant: only what is really there is advertised; the issuer is the configured
identity, addresses are where clients reach us, and neither is ever taken from a request.
"""
