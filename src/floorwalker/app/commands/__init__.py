"""The commands, a module per theme."""
