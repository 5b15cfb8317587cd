# SPDX-License-Identifier: GPL-2.0-only
"""Has direct.py put its store under load, and prints what it says.

drive.py PORT SECONDS THREADS
"""

import socket
import sys

PATIENCE_SECONDS = 60
"""How much longer than its window a run may take."""


def main() -> None:
    """Ends with status 1 if the queries failed."""
    port, seconds, threads = (int(word) for word in sys.argv[1:4])
    with socket.create_connection(("127.0.0.1", port), seconds + PATIENCE_SECONDS) as service:
        service.sendall(f"{seconds} {threads}\n".encode())
        with service.makefile() as reply:
            said = reply.read()
    if not said or said.startswith("failed"):
        sys.exit(said or f"the service at port {port} hung up")
    sys.stdout.write(said)


if __name__ == "__main__":
    main()
