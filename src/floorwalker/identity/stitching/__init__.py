"""Live stitching: the rules of a run, on the records that one more record touches.

Start with `stitcher.Stitcher`. What a record says is read by `saying`; `holdings` keeps who holds what; `component`
resolves what evidence connects; `lending` lends anonymous visits; `customers` has the rings and their ids.
"""
