"""The life of a run: what workers do with a job that is due. People's side is feature `jobs`.

Owns the table `job_runs`. Invariants: a slot of a schedule has exactly one run, however many
workers and attempts there are; a job never overlaps itself; only who holds the lease of a job
writes about its running; of many slots that nobody was there for, the latest is caught up and the
others are `missed`; what has ended never changes again.

Needs no permission, because nobody asks for it.
"""
