# Starts Synapse without bringing its SQLite database to the disk: it does not outlive the lab, and every commit would
# wait for the disk. A killed Synapse loses nothing by it, only a machine that loses its power does.
from synapse.app.homeserver import main
from synapse.storage.engines.sqlite import Sqlite3Engine

original = Sqlite3Engine.on_new_connection


def on_new_connection(self, db_conn):
    original(self, db_conn)
    db_conn.execute("PRAGMA synchronous = OFF")


Sqlite3Engine.on_new_connection = on_new_connection
main()
