# SPDX-License-Identifier: GPL-3.0-or-later
"""What real hosts do to monitoring programs: numbers of somebody else, counters that go astray, mounts by the hundred. Each of
these has raised false alarms somewhere, or kept an alarm from being raised."""
import shutil

import pytest

from test_checks import FIXTURES, run


def tree(tmp_path, files, base=None):
    """A recorded tree of FILES by path, upon that of a fixture."""
    root = tmp_path / "root"
    if base:
        shutil.copytree(FIXTURES / base, root, symlinks=True)
    root.mkdir(exist_ok=True)
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


# --- memory

LXCFS = "9 8 0:{} {} {} rw - fuse.lxcfs lxcfs rw\n"
PROC = "8 1 0:21 / /proc rw - proc proc rw\n"


@pytest.mark.parametrize("mounts, state", [
    (PROC + LXCFS.format(61, "/proc/meminfo", "/proc/meminfo"), "CRITICAL"),
    (PROC + LXCFS.format(61, "/proc/stat", "/proc/stat"), "OK"), (PROC, "OK"), ("garbage\n", "OK")])
def test_memory_of_a_container_has_no_part_in_the_cache_of_its_host(tmp_path, mounts, state):
    root = tree(tmp_path, {"proc/self/mountinfo": mounts}, "memory/zfs")
    r = run(root, "memory")
    assert r.one()[0] == state
    if state == "CRITICAL":
        assert "4.0 % of the memory available" in r.one()[1] and "ZFS" not in r.evidence["c", "Where the memory is"]


# --- disk

SPACE = "{} 1000 600 550 1000 500 500 4096\n"


def disk(tmp_path, mounts, *spaces, **files):
    lines = "".join(f"{20 + i} 1 {m}\n" for i, m in enumerate(mounts))
    return tree(tmp_path, {"proc/self/mountinfo": lines, "statvfs": "".join(SPACE.format(s) for s in spaces), **files})


def test_disk_of_a_container_by_its_folder_and_not_by_its_files(tmp_path):
    """An engine lays /etc/hosts over that of the image, from the same disk as the volume with the data."""
    root = disk(tmp_path, ["0:30 / / rw - overlay overlay rw", "8:1 /docker/c/hosts /etc/hosts rw - ext4 /dev/sda1 rw",
        "8:1 /docker/volumes/data /var/lib/mysql rw - ext4 /dev/sda1 rw"], "/", "/var/lib/mysql", **{"etc/hosts": ""})
    assert set(run(root, "disk").items) == {"/", "/var/lib/mysql"}


@pytest.mark.parametrize("mount", [
    "254:9 / /var/lib/docker/devicemapper/mnt/a1 rw - xfs /dev/mapper/docker-1-a1 rw", "0:40 / /etc/pve rw - fuse /dev/fuse rw",
    "8:16 / /var/lib/kubelet/pods/1/volumes/kubernetes.io~csi/a/mount rw - ext4 /dev/sdb rw", "0:41 / /run/user/0/doc rw - fuse.portal portal rw",
    "8:16 / /var/snap/microk8s/common/var/lib/kubelet/plugins/a/globalmount rw - ext4 /dev/sdb rw",
    "0:42 / /snap/core/1 ro - fuse.snapfuse snapfuse ro", "0:43 /a /var/lib/containers/storage/btrfs/subvolumes/a rw - btrfs /dev/sdc rw"])
def test_disk_auto_leaves_to_engines_what_is_theirs(tmp_path, mount):
    root = disk(tmp_path, ["8:1 / / rw - ext4 /dev/sda1 rw", mount], "/")
    assert set(run(root, "disk").items) == {"/"}


def test_disk_auto_looks_at_the_disk_of_an_engine(tmp_path):
    root = disk(tmp_path, ["8:1 / / rw - ext4 /dev/sda1 rw", "8:16 / /var/lib/docker rw - xfs /dev/sdb rw", "8:33 / /var/lib/docker/volumes rw - xfs /dev/sdc1 rw",
        "0:40 / /srv/ntfs rw - fuseblk /dev/sdd1 rw"], "/", "/var/lib/docker", "/var/lib/docker/volumes", "/srv/ntfs")
    assert set(run(root, "disk").items) == {"/", "/var/lib/docker", "/var/lib/docker/volumes", "/srv/ntfs"}


def test_disk_btrfs_holds_nothing_back_for_root(tmp_path):
    root = disk(tmp_path, ["0:40 / / rw - btrfs /dev/sda1 rw", "8:1 / /boot rw - ext4 /dev/sda2 rw"], "/", "/boot")
    evidence = run(root, "disk", {"warning": "1%"}).evidence
    assert "for root only" not in evidence["/", "The file system"] and "for root only" in evidence["/boot", "The file system"]
