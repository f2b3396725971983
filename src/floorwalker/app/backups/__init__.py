"""A project in one file, and back: whole, checked, and without those who were erased since.

In: a project. Out: an archive; from it, a project.

    archive      files into one compressed tar with a manifest, and out of it
    making       what belongs to a project, as of one moment
    restoring    a project from an archive, kept clear of erased people
"""
