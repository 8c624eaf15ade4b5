"""A process beside the desk for heavy work: questions go out as pickled messages, answers come back on the event loop.

`client`: the desk's side. `worker`: the loop of the process. What is asked and how it is answered is the user's own
(`research.bench`, `portfolio.desk`). Work that hangs, crashes or prints harms the process alone.
"""
