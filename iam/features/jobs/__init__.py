"""Jobs: what the installation does by itself, when, and how each run went.

Owns the table `jobs`. Invariants: what a job does is code, when it does it an operator may change;
jobs belong to the installation, so all are judged in `main`.

What a job is to a feature that has one stands in `iam.jobs`, the life of a run in feature
`job_runs`; `iam.worker` runs them.
"""
