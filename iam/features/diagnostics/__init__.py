"""What is wrong with the whole installation, and what to do about it: `iam doctor`.

Owns no table. Invariants: every check has an outcome, also where all is well; a diagnosis names no
secret, and no principal but by how many they are; it is for callers of `main` who may
(`iam:GetDiagnostics`), or for who is on the host.
"""
