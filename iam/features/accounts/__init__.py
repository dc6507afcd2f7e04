"""Accounts: the isolation boundary inside one installation.

Owns the table `accounts`. Invariants: only principals of `main` see or change accounts; `main` and
the account of shipped policies can be neither suspended nor deleted; nobody in a suspended account
may act, and tokens from before the suspension stay ended; deleting an account leaves none of its
rows but the journal's; an account that a role elsewhere trusts is not deleted, so that who gets
its name later inherits nothing.
"""
