"""The durable log: what was received, in the order in which it was received, before anybody has understood it.

In: frames, which are opaque bytes here. Out: the same frames with their offsets, for ever, to any number of readers.

    interface     what every twin offers            opening        a path or URL → the twin
    settings      what can be set
    sqlite_log    the embedded twin of SQLite files sqlite_reader  … reading
    sqlite_writer … appending                       group_commit   one fsync for all who wait
    files         … names, tables and seals         settling       … write-ahead logs of files that are full
    ranges        a stretch, read in pieces
    rewriting     … old bytes replaced for good     holding        … one writer per partition
"""

LOG = "log"
"""Where the log lies below a project's state."""
