"""What users, services and roles have in common, because a policy treats them alike.

Owns: names and paths and tags and their rules, finding a principal by name, id or ARN, disabling
and enabling, listing. Table: `principals`. Invariants: a name is unique in its account and kind
whatever its case; names and paths never change; disabling raises the principal epoch, so that no
token issued before it counts afterwards.
"""
