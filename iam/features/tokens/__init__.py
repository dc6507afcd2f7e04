"""Tokens: minting them, and the ledger of every one that was issued.

Owns the tables `issued_tokens` and `one_time_ids`. Invariants: no token leaves before its ledger
row is durable; nothing is issued after the 200 of a revoke, a disable or a delete; a token's row
and its claims agree.
"""
