"""The Principal elements of stored documents: trust policies and resource policies alike.

Owns no table. Invariants: a stored document names principals by their immutable id, so that whoever
gets a deleted one's name inherits nothing; people read and write ARNs; nobody lets everybody in
without a condition.
"""
