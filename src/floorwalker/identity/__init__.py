"""Who is who: from the words each source uses for a person to one stable customer.

`normalise` (and `emails`, `phones`, `names`, `hashed`) turn raw values into keys, `records` does so for a table,
`rules` turns shared keys into evidence, `resolver` and `anonymous` turn evidence into a partition, `registry` gives its
parts ids that last, `quality` compares a partition with a truth, and `steps` puts them into a run.
"""
