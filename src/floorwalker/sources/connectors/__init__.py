"""Systems that data is pulled from: shops, mail and help desks by their REST interfaces, databases, remote folders.

definition   what a connector is: streams, paging, cursor, limits, read from a TOML file
settings     what a project says of a source in [pulls.NAME], and which connector it uses
cursors      how far a stream has been read, kept in the project's database
pulling      records of a stream → delivery files, then the cursor
landing      delivery files: whole before they are visible, on the disk before the cursor moves
rows         a record as the lines of a delivery: one per element of a list
rest         records of a REST interface, by dlt's client and paginators
http         the session under it: retries, rate limits, numbers that stay exact
sql          records of a database's table, by dlt's sql_database
remote       files of a remote folder, by dlt's filesystem
systems      what a project says of a source → something that reads it
mappings     mappings that come with a connector
showing      what to put into floorwalker.toml
paging       ways of paging that dlt does not have
quiet        dlt without telemetry and without files of its own
shipped/     connectors and their mappings, as data
"""
