"""The way back in when nobody can administer the installation any more (break glass, PE-34).

Owns no table; writes the lease of `iam.authz.rescue`. Invariants: it is opened on the host alone,
with a reason; it lasts a quarter of an hour and leaves no rights behind; each time there is an
event of high severity, which is delivered like any other, and an alarm in the log.
"""
