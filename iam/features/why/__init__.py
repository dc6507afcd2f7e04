"""Why: what a decision was made from, and the last change that made it come out so.

Owns the table `denied_questions`, which the journal fills. The past is not kept twice: the state at
an instant is today's with the changes since undone, newest first, from what the audit log recorded
before and after each. Invariants: who may simulate a principal is told everything; a principal is
told about itself what is safe to tell it; nobody else learns whether there is such a decision.
"""
