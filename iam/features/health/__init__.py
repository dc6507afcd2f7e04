"""Whether this process is well, and what it measures.

Owns no table; holds the lease `clock-in-step`. Invariants: `/livez` depends on nothing but the
process, so that an outage of the database never restarts it; a clock that is wrong takes a replica
out only while another one is ready whose clock is right; neither probe says why to anybody who may
not know (`iam:GetHealth`); metrics are for those who may (`iam:GetMetrics`), and no label names a
principal.
"""
