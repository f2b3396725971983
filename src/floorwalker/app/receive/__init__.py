"""What systems outside send by themselves: changes of a database's rows, and requests of people about their data.

service   the HTTP service, `floorwalker receive`
spool     what came, on the disk before it is answered
privacy   a shop's webhooks about a person's rights, and carrying them out
"""
