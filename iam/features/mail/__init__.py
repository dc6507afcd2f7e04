"""Mail: what this service says to people, and by which servers it leaves.

Owns the tables `mail_routes`, `mail_templates` and `mails`; how mails are queued and repeated is of
`deliveries`. An account without routes of its own uses those of `main`. A feature that has a thing
to say names a template and gives it values; the shipped text (`shipped.py`) may be replaced by an
account's own. Templates know nothing but `{{ name }}`: who writes one can do nothing but write.

Invariants. A mail is queued in the transaction that has something to say, sealed, and sent once
nothing is open. Routes are tried in their order, and what the first cannot do the next one does. A
mail that came too late is not sent. No value of a template becomes markup, or another header.
"""
