"""Webhooks: where the events of an account go.

Owns the table `webhooks`; how deliveries are queued and repeated is of `deliveries`. Of three
kinds: `webhook` (HTTP, signed as Standard Webhooks demand), `slack` (a line of text) and `nats`
(JetStream). All carry the same events; `docs/events.md` lists them.

Invariants. A webhook gets events of its own account only. What an event says, its reader must be
allowed to read: whoever aims a webhook at something needs `audit:ListEvents`, is its owner from
then on, and when the owner may read events no longer, nothing is sent. Addresses are judged when
they are saved and each time they are called. Secrets are sealed, and shown once; what a receiver
answers is never shown.
"""
