"""Guided mapping: from a file that nobody has described to a mapping that says what its columns mean.

    sample     a bounded part of a file, taken from all over it, as a table
    facts      what the values of a column look like: e-mails, dates and their order, money and its decimal mark, …
    names      what a column's name means in eight languages (words.toml)
    targets    how well values fit a column of the vocabulary
    matching   names and values together, solved as one assignment of columns to columns
    several    order lines that stand in one row: columns side by side, a list in a cell
    propose    the kinds of record, every choice with its confidence, what is unclear
    written    the proposal as a TOML file with its reasons as comments
    preview    what that mapping makes of the sample, and what it would refuse

Mappings of known exports lie in `sources/exports` and win where a file's header is theirs.
"""
