"""Simulation: what would be decided, about documents or about somebody, and why.

Owns no table, and changes nothing. `POST /v1/policies:simulate` has the request and the answer of
AWS's `SimulateCustomPolicy` and `SimulatePrincipalPolicy`, each member in words of lower case with
underscores: `PolicySourceArn` is `policy_source_arn`. With it, the simulation is about a stored
principal under everything that the server knows of it, and takes `iam:SimulatePrincipalPolicy` on
its ARN; without it, about nothing but the documents in the request, and takes
`iam:SimulateCustomPolicy`.

More than AWS has: guardrails and session policies in the request, and callers of every kind.
Differences from AWS: a group is no principal, so its members are simulated instead; condition keys
that follow from a stored principal and the clock are there, and an entry of the request replaces
them; `ResourceHandlingOption` is left out, because it chooses between kinds of EC2 instances.
"""
