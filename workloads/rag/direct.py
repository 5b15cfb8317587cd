# SPDX-License-Identifier: GPL-2.0-only
"""The backend without HTTP: keeps the store open, and puts it under load when somebody asks.

    direct.py STORE SCRATCH PORT

Who connects to 127.0.0.1:PORT and sends "SECONDS THREADS" (see drive.py) gets the latency of each
query and the throughput: opening the store takes longer than a window, so it stays open.
"""

import socketserver
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import layout
from backend import Store

MOST_SECONDS = 3600
MOST_THREADS = 64


class Load:
    """Queries from several threads at once."""

    def __init__(self, store: Store, questions: list[str]) -> None:
        self._store = store
        self._questions = questions

    def run(self, seconds: int, threads: int) -> str:
        """What it came to, in the form that `scx_metabench` reads."""
        start = time.perf_counter()
        taken: list[Counter[int]] = [Counter() for _ in range(threads)]
        failed: list[BaseException] = []

        def ask_until_the_end(number: int) -> None:
            # A prime, as in ask.lua.
            place = number * 101
            try:
                while time.perf_counter() < start + seconds:
                    place = (place + 1) % len(self._questions)
                    before = time.perf_counter_ns()
                    self._store.nearest(self._questions[place])
                    taken[number][(time.perf_counter_ns() - before) // 1000] += 1
            except BaseException as error:
                failed.append(error)

        workers = [
            threading.Thread(target=ask_until_the_end, args=(number,)) for number in range(threads)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if failed:
            raise failed[0]
        return report(sum(taken, Counter()), time.perf_counter() - start)


def report(taken: Counter[int], seconds: float) -> str:
    """A histogram, and the throughput."""
    lines = [f"latency_us {value} {count}" for value, count in sorted(taken.items())]
    lines.append(f"queries {taken.total()} seconds {seconds:.6f}")
    lines.append(f"queries/s {taken.total() / seconds:.3f}")
    return "\n".join(lines) + "\n"


class Request(socketserver.StreamRequestHandler):
    """One window."""

    def handle(self) -> None:
        """Says `failed: …` where it cannot be done."""
        try:
            seconds, threads = (int(word) for word in self.rfile.readline(100).split())
            if not (0 < seconds <= MOST_SECONDS and 0 < threads <= MOST_THREADS):
                raise ValueError(f"{seconds} s with {threads} threads: out of range")
            said = self.server.load.run(seconds, threads)
        except Exception as error:
            said = f"failed: {error!r}\n"
        self.wfile.write(said.encode())


class Server(socketserver.TCPServer):
    """One window at a time: two would disturb each other."""

    allow_reuse_address = True
    load: Load


def main() -> None:
    """Serves until it is killed."""
    store, scratch, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    questions = (store / layout.QUESTIONS).read_text().splitlines()
    load = Load(Store(store, scratch), questions)
    with Server(("127.0.0.1", port), Request) as server:
        server.load = load
        server.serve_forever()


if __name__ == "__main__":
    main()
