"""Files and folders: plan, run, report, resume.

`plan` turns the inputs into jobs of a source and a target and refuses what would lose a picture;
`run` does them, in this process or in several; `report` has a result for each input; `resume`
recognises what an earlier run has finished.
"""
