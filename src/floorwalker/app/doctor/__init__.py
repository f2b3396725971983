"""What stands in the way of a project, found before somebody stumbles over it.

In: a project folder, perhaps an unsound one. Out: `Finding`s, each with what to do. Nothing is changed.

    finding      what a check says             installation   Python, packages, memory
    folders      permissions, disk, clock      stores         databases, log, lake, live side
    project      settings, mappings, sources, quarantine, the last run
    reaching     servers that URLs in the settings name
"""
