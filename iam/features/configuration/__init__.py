"""Configuration as code: one document says what access is to be, and a plan says what that changes.

Owns the tables `configurations` and `managed_objects`. A configuration has a name; whatever one of
its documents describes is marked as managed by it, and nothing else is ever deleted for it. Several
configurations manage disjoint parts of an account.

Invariants: what is applied is the plan that was shown, or nothing; all of it in one transaction, or
none; every change is made by the service of the feature it belongs to, as the caller, so that
authorization, events and guards hold as if it were made by hand; what may widen access is applied
only when somebody approved it; a document says only what it mentions, the rest stays as it is.

The account is read once (`queries`), and all that follows is pure (`rules`): the document becomes a
state that is wanted, two states become steps, and the engine decides by both states who gains and
loses what. `service` reads, and applies step by step.
"""
