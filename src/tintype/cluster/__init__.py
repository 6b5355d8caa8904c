"""Runs the plans and jobs of `tintype.jobs` on a Ray cluster.

`session` connects to a cluster or starts one on this machine, `actor` runs in each of its
processes, `ray_data` distributes a plan to them, and `run` combines these. Ray is imported only
when a run begins.
"""
