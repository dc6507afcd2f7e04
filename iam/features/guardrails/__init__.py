"""Guardrails: the most that principals (SCP) may do, and that may be done to resources (RCP).

Owns the tables `guardrails` and `guardrail_attachments`. Invariants: only principals of `main` see
or change guardrails; they bind every account, `main` included, and every principal but the root of
`main`; `FullAccess` is attached at every level from its beginning, for principals until somebody
detaches it, for resources for good; nobody can attach what no administrator of `main` could take
off again.
"""
