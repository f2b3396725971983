"""Changes of a database's rows, as Debezium's connectors tell them, on their way to being rows of a delivery.

values      a column's value as Kafka Connect and Debezium encode it → as a mapping reads it
envelope    one message → a change: the row, the operation, where it stands in the database's log
unwrapping  a file of messages → lines of JSON, the last change of each row, in the order of the log
"""
