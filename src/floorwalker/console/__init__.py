"""What people see: the report of a run, drawn on the server, with nothing fetched from anywhere."""
