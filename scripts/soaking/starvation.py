"""A service without descriptors: it waits for some, quietly, and goes on when it has them."""

import resource
import time

import process
from wire import Wire, WireError, connect

SPARE = 20
CLIENTS = 60
CPU_PERCENT_MAX = 20.0
RECOVERY_MAX = 1.0


def starve(context, daemon):
    """Takes its descriptors away, and gives them back."""
    before = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    most = process.descriptors(daemon.pid) + SPARE
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (most, before[1]))
    links = [connect(daemon.socket) for _ in range(CLIENTS)]
    try:
        time.sleep(0.5)
        used = process.cpu_seconds(daemon.pid)
        time.sleep(1.0)
        percent = 100 * (process.cpu_seconds(daemon.pid) - used)
        context.bar(
            "CPU of the service without descriptors", f"{percent:.0f} %",
            f"under {CPU_PERCENT_MAX:g} %", percent < CPU_PERCENT_MAX)
    finally:
        for link in links:
            link.close()
    begin = time.monotonic()
    try:
        with Wire(daemon.socket) as wire:
            status = wire.ask("GET", "/healthz").status
    except WireError as error:
        status = str(error)
    taken = time.monotonic() - begin
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)
    context.bar(
        "answers again when there are descriptors", f"{status} after {taken:.2f} s",
        f"200 within {RECOVERY_MAX:g} s", status == 200 and taken <= RECOVERY_MAX)
