"""The live path of a project: one process that follows the log, and readers of what it writes.

`generations`   a live store per run, and which of them is read
`following`     the process: build or go on with a generation, follow the log, hand over when a run is published
`supervising`   keeps one such process at work, and a second one while a new generation is made
`shelf`         the profiles for whoever asks
"""
