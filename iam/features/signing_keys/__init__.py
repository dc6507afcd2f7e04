"""Signing keys: one key set for the installation, one active key per purpose.

Owns the table `signing_keys`. A key is *prepared* (published, not yet signing), *active*,
*retiring* (published until the last token that it signed has expired) and *gone*; a tainted key is
refused at once. Invariants: at most one prepared and one active key per purpose, settled by unique
indexes; a key signs only after it was published for the lead; `kid` is the RFC 7638 thumbprint, so
that no id is ever used for two keys.
"""
