MIGRATIONS = ("CREATE TABLE quarantine (raw TEXT, reason TEXT, source TEXT)",)
