"""`iam`: access control and identity for services and people, self-hosted.

The architecture in one paragraph: doors (`app` for HTTP, `cli` for operators, `worker` for
housekeeping, `server` for the processes that run them) wire *features*, one folder per thing that
an operator can name. A feature's route parses, makes one call into its service, and presents. The
service authorizes with the product's own engine (`authz`, `iam_policy`), changes rows (`models`)
and says what happened; the unit of work (`work`) lets the journal (`journal`) turn that into audit
and outbox rows and commits; only then does the answer leave. What runs thousands of times a second
(tokens, introspection, decisions, keys) takes the fast lane: plain routes over snapshots in memory
and a shared commit, with the same rules. One engine over the same layers (guardrails, resource
policies, identity policies, boundary, session) decides, simulates (`simulation`), lists who can
(`access`) and tells `why`. Whatever is passed down goes down: app > features > http >
runtime > authz > work > journal > models > kit > errors, and import-linter holds it.
"""
