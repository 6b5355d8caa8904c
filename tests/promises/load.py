"""The server with many clients, with slow ones, and with ones that only hold the line.

    PYTHONPATH=tests python -m promises.load [--rounds 10]

Rounds are seconds for each number of clients. Every answer is a coloured photograph or a 503 that
says when to come again; nobody waits on those who are slow.
"""

import contextlib
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from promises.outcome import Outcome, Words, run_script
from promises.size import benchmark

_MEGABYTES = 700


def connected(url: str, data: bytes = b"") -> socket.socket:
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    one = socket.create_connection((host, int(port)), timeout=30)
    one.sendall(data)
    return one


def load(server: Any, clients: int, seconds: float, outcome: Outcome) -> str:
    """One line of figures for so many clients at once."""
    data = server.jpeg(server.PICTURE)
    with server.Server() as running:
        httpx.post(f"{running.url}v1/color", content=data, timeout=120)
        told = server.Told()
        until = time.monotonic() + seconds
        with ThreadPoolExecutor(clients) as pool:
            jobs = [
                pool.submit(server.client, running.url, data, until, told) for _ in range(clients)
            ]
        failed = [job.exception() for job in jobs if job.exception() is not None]
        peak = running.peak_megabytes()
    others = {code: n for code, n in told.statuses.items() if code not in {200, 503}}
    outcome.expect(not failed, f"{clients} clients: {len(failed)} without an answer: {failed[:1]}")
    outcome.expect(not others, f"{clients} clients: other answers {others}")
    outcome.expect(told.statuses[200] > 0, f"{clients} clients: nobody was served")
    outcome.expect(peak <= _MEGABYTES, f"{clients} clients: {peak:.0f} MB")
    return (
        f"{len(told.good) / seconds:.1f} photographs a second, half of them within "
        f"{server.quantile(told.good, 0.5)}, 95 % within {server.quantile(told.good, 0.95)}; "
        f"{told.statuses[503]} told to come again; {peak:.0f} MB"
    )


def slow_ones(server: Any, outcome: Outcome) -> None:
    """Hundreds that send slowly or nothing; one that behaves is served meanwhile."""
    data = server.jpeg((320, 240))
    with server.Server() as running:
        url = running.url
        host = url.removeprefix("http://").rstrip("/")

        def ask() -> float:
            began = time.monotonic()
            answer = httpx.post(f"{url}v1/color", content=data, timeout=60)
            outcome.expect(answer.status_code == 200, f"beside slow ones: {answer.status_code}")
            return time.monotonic() - began

        ask()
        before = sorted(ask() for _ in range(9))[4]
        half = b"POST /v1/color HTTP/1.1\r\nHost: "
        head = f"POST /v1/color HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(data)}\r\n\r\n"
        lines = [connected(url, half) for _ in range(300)]
        lines += [connected(url) for _ in range(300)]
        lines += [connected(url, head.encode() + data[:100]) for _ in range(100)]
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.5):
                for one in lines:
                    with contextlib.suppress(OSError):
                        one.send(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        meanwhile = sorted(ask() for _ in range(9))
        time.sleep(12)  # the heads' ten seconds are over
        stop.set()
        thread.join()
        gone = sum(ended(one) for one in lines[:600])
        for one in lines:
            one.close()
        outcome.expect(gone == 600, f"{600 - gone} half heads and silent lines are still open")
        outcome.expect(
            meanwhile[4] <= 5 * before + 0.5, f"{before:.2f} s alone, {meanwhile[4]:.2f} s beside"
        )
        outcome.figures["beside 700 slow or silent connections"] = (
            f"one photograph takes {meanwhile[4]:.2f} s at the median, alone {before:.2f} s"
        )
        outcome.figures["half heads and silent lines ended"] = f"{gone} of 600 within 12 s"


def ended(one: socket.socket) -> bool:
    """Whether the server has closed a connection."""
    one.settimeout(3)
    try:
        while one.recv(4096):
            pass
        return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def check(words: Words, outcome: Outcome) -> None:
    server = benchmark("server")
    for clients in (1, 10) if words.quick else server.CLIENTS:
        title = f"{clients} client{'s' if clients > 1 else ''} at once"
        outcome.figures[title] = load(server, clients, words.rounds, outcome)
    slow_ones(server, outcome)


if __name__ == "__main__":
    sys.exit(run_script("load", check, rounds=10, quick=2))
