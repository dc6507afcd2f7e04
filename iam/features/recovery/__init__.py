"""Recovery: who can open backups and copies of the master key, with a key that is kept elsewhere.

Owns the table `recovery_recipients`. Recovery keys are those of age (X25519); only their public
halves are here. Invariant: a recipient counts once somebody has shown, by the code in a recovery
copy, that the private half exists and opens it.
"""
