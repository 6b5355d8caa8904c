"""Many machines: the same plan and the same work as `tintype.jobs`, on a Ray cluster.

`session` finds a cluster or starts one on this machine, `actor` is what each process of it does,
`run` brings the plan in and the rows out. Ray is imported when a run begins and not before.
"""
