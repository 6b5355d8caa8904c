"""Many machines: the same plans and jobs as `tintype.jobs`, on a Ray cluster.

`session` connects to a cluster or starts one on this machine, `actor` is the work of each of its
processes, `ray_data` distributes a plan to them, and `run` joins these. Ray is imported only when a
run begins.
"""
