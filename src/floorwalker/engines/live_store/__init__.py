"""The store of live profiles: what is known of each visitor now, read in microseconds, written in small batches.

In: keys and values, which are opaque bytes here, in tables. Out: the same, to any number of readers in any process.

    interface     what every twin offers            opening        a path or URL → the twin
    settings      what can be set                   batches        changes, checked and per table
    moments       reads that see one moment
    lmdb_store    the embedded twin: one LMDB file  environment    … mapped once per process, grown, carried over forks
    mapping       … the file, its version           unclean        … the machine stopped meanwhile
    redis_store   the distributed twin: hashes      redis_lease    … one writer, who may die
    redis_link    … connections that come back
"""

STORE = "live"
"""Where the store lies below a project's state."""
