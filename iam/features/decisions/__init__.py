"""Decisions: may this principal do that, on that resource, here and now?

Owns no table. `POST /v1/decisions` answers a batch from the engine that guards this service too,
over the facts in memory. Invariants: a token that is not good is answered by a refusal, never by
an error that a caller could take for silence; whoever asks needs `decisions:Evaluate` on the
principal that is asked about, but a service may always ask about a token that was issued for it,
for actions of its own prefix; context keys that say who the principal is come from the server.
"""
