"""Files and folders: plan, run, report, resume.

`plan` turns words into pairs of source and target and refuses what would lose a picture; `run`
works through them, in this process or in several; `report` is one row per input; `resume` knows
what an earlier run has already done.
"""
