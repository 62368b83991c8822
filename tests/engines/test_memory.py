"""Free memory as the machine and its containers tell it, from made-up /proc and /sys/fs/cgroup."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.engines import memory

GIB = 1 << 30


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def available(folder: Path, cgroup: str, files: dict[str, str], free: int = 32) -> float:
    """GiB that are free by `files` in /sys/fs/cgroup, of a process in `cgroup` on a machine of `free`."""
    proc = {"meminfo": f"MemTotal: 99 kB\nMemAvailable:   {free << 20} kB\n", "self/cgroup": cgroup}
    cgroups = write(folder / "cgroup", files)
    return memory.available(write(folder / "proc", proc), cgroups) / GIB


def test_without_a_limit_it_is_what_the_machine_has(tmp_path: Path) -> None:
    assert available(tmp_path, "0::/\n", {}) == 32


def test_a_container_limit_counts_and_pages_of_files_are_given_up(tmp_path: Path) -> None:
    files = {
        "memory.max": f"{8 * GIB}\n",
        "memory.current": f"{5 * GIB}\n",
        "memory.stat": f"anon 7\ninactive_file {2 * GIB}\ninactive_file_other 9\n",
    }
    assert available(tmp_path, "0::/\n", files) == 5


def test_the_smallest_limit_on_the_way_up_counts(tmp_path: Path) -> None:
    files = {
        "a/memory.max": str(6 * GIB),
        "a/memory.current": str(GIB),
        "a/b/memory.max": "max\n",
        "a/b/memory.current": "1",
        "memory.current": "1",
    }
    assert available(tmp_path, "0::/a/b\n", files) == 5


def test_control_groups_of_version_1(tmp_path: Path) -> None:
    files = {
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
        "memory/memory.usage_in_bytes": str(GIB),
        "memory/box/memory.limit_in_bytes": str(4 * GIB),
        "memory/box/memory.usage_in_bytes": str(3 * GIB),
        "memory/box/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB}\n",
    }
    text = "9:name=systemd:/\n4:cpu,memory:/box\n0::/\n"
    assert available(tmp_path, text, files) == 2


@pytest.mark.parametrize("free", [0, 1])
def test_a_machine_that_has_less_than_the_limit_counts(tmp_path: Path, free: int) -> None:
    files = {"memory.max": str(8 * GIB), "memory.current": "0"}
    assert available(tmp_path, "0::/\n", files, free=free) == free


def test_a_group_over_its_limit_has_nothing_left(tmp_path: Path) -> None:
    files = {"memory.max": str(GIB), "memory.current": str(2 * GIB)}
    assert available(tmp_path, "0::/\n", files) == 0


def test_where_the_system_says_nothing(tmp_path: Path) -> None:
    assert memory.available(tmp_path, tmp_path) == memory.UNKNOWN
    assert memory.kills(tmp_path) is None and memory.resident(tmp_path) == 0


def test_kills_and_resident_memory_are_read(tmp_path: Path) -> None:
    proc = write(
        tmp_path, {"vmstat": "oom_kill_x 1\noom_kill 4\n", "self/status": "Name: x\nVmRSS:\t 12 kB\n"}
    )
    assert memory.kills(proc) == 4 and memory.resident(proc) == 12 << 10
