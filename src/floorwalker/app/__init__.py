"""How Floorwalker is started: command line, configuration, the run, the HTTP service."""
