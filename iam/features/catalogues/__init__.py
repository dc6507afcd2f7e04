"""Action catalogues: which actions a service has, on what, with which condition keys.

Owns the table `action_catalogues`. A service registers the catalogue of a prefix once, and the
prefix belongs to it from then on: nobody takes it over, not even an administrator; it is free again
when the catalogue or the service is deleted. The prefixes of this service itself are reserved;
their catalogues follow from the code (`iam/authz/catalogues.py`) and can be read like any other.

Catalogues decide nothing. Two things follow from them: what a policy says is examined against them
(`examine`), and a service may always ask about tokens that are for it, for the prefixes it owns
(`snapshots.py`).
"""
