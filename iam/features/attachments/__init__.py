"""Which policies a user, service, role or group holds: attached, inline, and as its boundary.

Owns the tables `policy_attachments` and `inline_policies`, and the column
`principals.boundary_policy_id`. Invariants: attaching takes permission on the holder *and* on the
policy; only policies of the holder's own account, or shipped ones, can be attached; nobody holds
more than the settings and AWS's sizes allow, however many requests race; a policy that is held
cannot be deleted.
"""
