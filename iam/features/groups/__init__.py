"""Groups: named sets of users and services that share policies.

Owns the tables `groups` and `group_memberships`. Invariants: a group is not a principal and does
not nest; a name is unique in its account whatever its case; nobody is in more groups than the
settings allow, however many requests race; a group that has members or policies, or owns a
service, is not deleted.
"""
