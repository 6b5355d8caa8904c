"""Files and folders: plan, run, report, resume.

`plan` turns the inputs into jobs, pairs of source and target, and refuses plans that would lose a
picture; `run` executes them in one or several processes; `report` has a result for each input;
`resume` recognises what an earlier run has finished.
"""
