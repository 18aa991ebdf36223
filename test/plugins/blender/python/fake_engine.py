"""Stands for `sider serve`: says how it was called where the add-on looks for a server, and ends soon."""
import json
import os
import sys
import time

folder = os.path.join(os.environ["XDG_DATA_HOME"], "sider")
with open(os.path.join(folder, "server.json"), "w", encoding="utf-8") as file:
    json.dump({"url": "ws://127.0.0.1:9/", "words": sys.argv[1:]}, file)
time.sleep(1)
