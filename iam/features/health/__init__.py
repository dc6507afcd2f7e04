"""Whether this process is well, and what it measures.

Owns no table. Invariants: `/livez` depends on nothing but the process, so that an outage of the
database never restarts it; neither probe says why, because anybody may ask; metrics are for those
who may (`iam:GetMetrics`), and no label names a principal.
"""
