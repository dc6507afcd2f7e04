"""Resource policies: who may do what with one resource and what is below it.

Owns the table `resource_policies`. Invariants: an account has policies on its own resources alone;
an ARN that names no account is each account's own, met by nobody else's principals; a policy speaks
about its resource and what is below it (`invoice/42`, `invoice/42/lines`); principals are stored by
immutable id; nobody lets everybody in without a condition; a role has its trust policy instead.
"""
