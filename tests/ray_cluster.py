"""A Ray cluster of two nodes, a sweep on it, and what kills a part of it in the middle; run by test_cluster.py.

    unshare --net python tests/ray_cluster.py FOLDER

In a network namespace of its own only the loopback exists, so that no other cluster can be met. Processes are killed by
their numbers, which are known to be this cluster's.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import sys
import time
from pathlib import Path

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        flags = struct.unpack("16sh", fcntl.ioctl(handle, SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))[1]
        fcntl.ioctl(handle, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))


def descendants(pid: int) -> dict[int, str]:
    """Processes below one, with what their command line says."""
    parents: dict[int, int] = {}
    said: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            said[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, ValueError):
            continue
    found: dict[int, str] = {}
    front = [pid]
    while front:
        front = [child for child, parent in parents.items() if parent in front]
        found |= {child: said[child] for child in front}
    return found


def main(folder: Path) -> None:
    raise_loopback()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster
    from sweeps import cluster_plan, no_models

    from sim.study.engines.cluster import RayEngine
    from sim.study.point import Outcome
    from sim.study.sweep import run_sweep

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    second = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    cluster.wait_for_nodes()
    engine = RayEngine(cluster.address)
    print("workers", engine.workers, flush=True)
    ended: list[int] = []

    def kill(outcome: Outcome) -> None:
        ended.append(outcome.number)
        if len(ended) == 3:
            busy = [pid for pid, said in descendants(os.getpid()).items() if said.startswith("ray::run_there")]
            os.kill(busy[0], signal.SIGKILL)
            print("killed worker", flush=True)
        if len(ended) == 8:
            cluster.remove_node(second, allow_graceful=False)
            print("killed node", flush=True)

    try:
        started = time.monotonic()
        plan = cluster_plan(folder)
        result = run_sweep(plan, no_models(), engine, folder / "ray", on_outcome=kill)
        print("failed", result.failed, "points", result.points, f"{time.monotonic() - started:.1f} s", flush=True)
        print("twice", len(ended) - len(set(ended)), flush=True)
    finally:
        engine.close()
        cluster.shutdown()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main(Path(sys.argv[1]))
