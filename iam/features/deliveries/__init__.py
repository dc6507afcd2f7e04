"""Deliveries: whatever leaves this service, at least once, in order, and each for itself.

Owns the tables `delivery_channels` and `deliveries`. A **channel** is one queue to one receiver: a
webhook, or the mail of an account. What is said in a transaction waits in the outbox, which the
transaction itself wrote; the **pump** (`jobs.py`) takes it from there: it *fans out* each message
into one delivery for each channel that wants it, and *drains* the channels, all at the same time.
What a kind of channel needs for that, its **carrier** knows: the features above bring them.

Invariants. Nothing is sent while a transaction is open. One process at a time drains a channel (a
lease with a fence). What was sent and could not be marked is sent again, under the same id. Of one
subject, nothing is sent before what came earlier is delivered or dead. Every delivery ends, as
delivered or as dead with a reason, and a dead one can be replayed. A channel that fails is asked
less and less often, and no other waits for it.
"""
