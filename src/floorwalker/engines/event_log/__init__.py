"""The durable log: what was received, in the order in which it was received, before anybody has understood it.

In: frames, which are opaque bytes here. Out: the same frames with their offsets, for ever, to any number of readers.

    interface     what every twin offers            opening        a path or URL → the twin
    settings      what can be set
    sqlite_log    the embedded twin of SQLite files sqlite_reader  … reading
    sqlite_writer … appending                       group_commit   one fsync for all who wait
    files         … names, tables and seals         settling       … write-ahead logs of files that are full
    ranges        a stretch, read in pieces
    rewriting     … old bytes replaced for good     holding        … one writer per partition

    kafka_log     the twin in a topic of Kafka      kafka_link     … brokers, clients, errors
    kafka_writer  … appending                       kafka_reader   … reading, from kafka_messages
    kafka_frames  … a frame as an encrypted message kafka_keys     … who wrote what, and which keys are left
    key_tree      … keys that can be destroyed
"""

LOG = "log"
"""Where the log lies below a project's state."""
