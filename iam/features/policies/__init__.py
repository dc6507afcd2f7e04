"""Managed policies: documents with a name, up to five versions, one of them the default.

Owns the tables `policies` and `policy_versions`. Shipped policies live in account `iam`, come with
the software (`shipped/`), are brought up to date at start, and nobody can change them.
"""
