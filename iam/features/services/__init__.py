"""Services: workloads, which act by themselves and have an owner who looks after them.

Owns the rows of kind `service` in `principals`, and the table `service_audiences`. Invariants:
those of `principals`; a service has exactly one owner, a user or a group, which cannot be deleted
meanwhile; an audience belongs to one service of its account; the service's own ARN is always one
of its audiences, and nobody else's ARN, nor this installation's own address, ever is.
"""
