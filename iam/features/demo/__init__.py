"""The demo company: something to look at, and to let the token audit look at.

Owns: nothing of its own. A shop with teams, people, services, policies, credentials as they look
after some years, and one refused request, made by the features' own use cases. Tables: those of the
features; of its own only rows of `credentials` and `credential_uses` with dates in the past, which
no use case makes.

Invariants: seeding twice changes nothing. Nobody can sign in as anybody in the company: no secret
of it ever leaves the function that made it. An account with other principals than administrators is
left alone unless somebody asks. All of it carries the tag `demo=true`, groups (which have no tags)
the path `/demo/`; what carries neither is never removed. The audit log keeps what happened.
"""
