# SPDX-License-Identifier: GPL-2.0-only
"""How the API is served: one process, as the paper has it."""

workers = 1
worker_class = "gthread"
threads = 4

# Where a worker shows that it lives must be writable; a machine under test can be slow.
worker_tmp_dir = "/dev/shm"
timeout = 300
# Longer than a request waits for its turn under any scheduler: a connection closed by us would be
# an error of the load.
keepalive = 60

control_socket_disable = True
loglevel = "warning"
