"""The live path: one process applies the log as it grows, and whoever asks reads the profiles it has written.

Start with `applying.Applier`. `window` knows which events have come before, `layout` how a profile is packed,
`rows_of_customer` and `silver` turn what is packed into the rows that features count, `reading` answers with a profile.
"""
