"""Say it: audiences, their hold-outs, and the files that carry them to other systems."""
