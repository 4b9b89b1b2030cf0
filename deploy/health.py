"""Exit with 0 where the server of this container is up, else with 1: its health check.

Where no MOCKGPT_CONTROL_TOKEN is set nobody may ask for its health, and a refusal says that it is up.
"""

import http.client
import os
import sys

port = os.environ.get("MOCKGPT_LISTEN", "8080").rpartition(":")[2]
token = os.environ.get("MOCKGPT_CONTROL_TOKEN")
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=4)
try:
    connection.request(
        "GET", "/_mockgpt/health", headers={"Authorization": f"Bearer {token}"} if token else {}
    )
    status = connection.getresponse().status
except OSError as error:
    sys.exit(f"mockgpt does not answer on port {port}: {error}")
finally:
    connection.close()
if status != http.HTTPStatus.OK and (token or status != http.HTTPStatus.FORBIDDEN):
    sys.exit(f"expected its health, found status {status}")
