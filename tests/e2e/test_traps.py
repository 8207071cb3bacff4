# SPDX-License-Identifier: GPL-3.0-or-later
"""What real hosts do to monitoring programs: numbers of somebody else, counters that go astray, mounts by the hundred. Each of
these has raised false alarms somewhere, or kept an alarm from being raised."""
import datetime
import pathlib
import shutil
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

import certs
from harness import wait_until
from test_checks import FIXTURES, MODULES, run
from test_checks_net import ask_web, web


def tree(tmp_path, files, base=None):
    """A recorded tree of FILES by path, upon that of a fixture."""
    root = tmp_path / "root"
    if base:
        shutil.copytree(FIXTURES / base, root, symlinks=True)
    root.mkdir(parents=True, exist_ok=True)
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


# --- temperature

def chip(tmp_path, **files):
    return tree(tmp_path, {f"sys/class/hwmon/hwmon0/{name}": f"{value}\n" for name, value in {"name": "it8665", **files}.items()})


@pytest.mark.parametrize("limits, text", [
    ({"max": -65000, "min": 31000, "alarm": 1}, "no limit is known"), ({"max": 0, "max_alarm": 1}, "no limit is known"),
    ({"max": 127000, "min": 127000, "alarm": 1}, "limit 127"), ({"crit": -273150, "crit_alarm": 1}, "no limit is known"),
    ({"crit": 0, "emergency": 0, "emergency_alarm": 1}, "no limit is known"), ({"max": 65261850}, "no limit is known")])
def test_temperature_alarm_of_a_chip_that_nobody_has_set_up(tmp_path, limits, text):
    root = chip(tmp_path, temp1_input=31000, **{f"temp1_{name}": value for name, value in limits.items()})
    assert run(root, "temperature").one() == ("OK", f"31.0 °C, {text}" if text[0] == "n" else f"31.0 °C ({text} °C)")


@pytest.mark.parametrize("limits, state", [
    ({"alarm": 1}, "WARNING"), ({"max": 80000, "min": 0, "alarm": 1}, "WARNING"), ({"max": 80000, "max_alarm": 1}, "WARNING"),
    ({"crit": 90000, "crit_alarm": 1}, "CRITICAL"), ({"crit_alarm": 1}, "CRITICAL")])
def test_temperature_alarm_is_believed(tmp_path, limits, state):
    root = chip(tmp_path, temp1_input=31000, **{f"temp1_{name}": value for name, value in limits.items()})
    assert run(root, "temperature").one()[0] == state


# --- raid, diskio, network

@pytest.mark.parametrize("line, state, text", [
    ("\tresync=DELAYED\n", "WARNING", "degraded: 1 of 2 disks work; resync waits (DELAYED)"),
    ("\tresync=PENDING\n", "CRITICAL", "degraded: 1 of 2 disks work"), ("", "CRITICAL", "degraded: 1 of 2 disks work")])
def test_raid_whose_turn_comes_later(tmp_path, line, state, text):
    """A new disk was added to all arrays at once: the first is rebuilt while the others wait."""
    root = tree(tmp_path, {"proc/mdstat": f"""Personalities : [raid1]
md1 : active raid1 sdb2[2](S) sda2[0]
      3677184 blocks super 1.2 [2/1] [U_]
{line}
unused devices: <none>
"""})
    assert run(root, "raid").one() == (state, text)


def test_diskio_less_than_no_request_is_none(tmp_path):
    """Seen with 4.x: the number of requests in flight is -1, written without a sign."""
    root = tree(tmp_path, {"proc/diskstats": "   8 0 sda 10 0 80 5 10 0 80 5 4294967295 10 10\n"})
    memory = {"sda 17": 20.0}
    r = run(root, "diskio", {"device": "sda", "stalled": "30s"}, memory)
    assert r.one()[0] == "OK" and r.number("in_flight") == 0


@pytest.mark.parametrize("speed", ["4294967295", "65535", "-1", "0"])
def test_network_speed_that_is_none(tmp_path, speed):
    base = "sys/class/net/eth0/"
    root = tree(tmp_path, {"proc/net/dev": "Inter-|\n face |\n  eth0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n", base + "operstate": "up\n",
        base + "carrier": "1\n", base + "flags": "0x1003\n", base + "speed": speed + "\n"})
    r = run(root, "network", {"interface": "eth0"})
    assert r.one() == ("OK", "up; rates come with the next look") and ("eth0", "speed") not in r.metrics
    assert run(root, "network", {"interface": "eth0", "speed_min": "1000"}).one()[0] == "UNKNOWN"


# --- certificate

def introduced(folder, lifetime):
    """(old authority, new one, word of the old one for the new one in PEM)"""
    old, new = certs.Authority(folder / "old", "old CA"), certs.Authority(folder / "new", "new CA")
    word = (old._builder(new._subject, new._key.public_key(), lifetime)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(old._key, hashes.SHA256()))
    return old, new, word.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("lifetime", [certs.DAY * 3, -certs.DAY])
@pytest.mark.parametrize("knows_old", [True, False])
def test_certificate_of_an_authority_that_another_one_stood_for(tmp_path, lifetime, knows_old):
    """An authority that is trusted by itself today was introduced by an older one, whose word for it ends, or has ended."""
    old, new, word = introduced(tmp_path, lifetime)
    leaf, _ = new.issue("leaf", ["www.example.org"])
    full, trusted = tmp_path / "full.pem", tmp_path / "trusted.pem"
    full.write_bytes(leaf.read_bytes() + word)
    trusted.write_bytes(new.ca_file.read_bytes() + (old.ca_file.read_bytes() if knows_old else b""))
    r = run(None, "certificate", {"file": str(full), "name": "www.example.org", "tls_ca_file": str(trusted)})
    assert r.one()[0] == "OK", r.items
    # Who believes in the old one alone needs its word.
    r = run(None, "certificate", {"file": str(full), "tls_ca_file": str(old.ca_file)})
    assert r.one()[0] == ("WARNING" if lifetime > 0 * certs.DAY else "CRITICAL")


@pytest.mark.skipif(not (MODULES / "http.so").exists(), reason="built without libcurl")
def test_http_of_an_authority_that_another_one_stood_for(tmp_path):
    """As above, from a web server."""
    old, new, word = introduced(tmp_path, certs.DAY * 3)
    leaf, key = new.issue("leaf")
    full = tmp_path / "full.pem"
    full.write_bytes(leaf.read_bytes() + word)
    with web((full, key)) as s:
        assert ask_web(s.base, tls_ca_file=str(new.ca_file)).one()[0] == "OK"
        r = ask_web(s.base, tls_ca_file=str(old.ca_file))
        assert r.one()[0] == "WARNING" and "a certificate of an authority in its chain expires in 2 d" in r.one()[1]
        assert ask_web(s.base, tls_ca_file=str(old.ca_file), certificate_warning="1d", certificate_critical="1h").one()[0] == "OK"


@pytest.mark.parametrize("trust", ["yes", "no"])
def test_certificate_that_was_installed_too_early(tmp_path, trust):
    """Also where nobody has to stand for it: its dates are its own."""
    authority, key = certs.Authority(tmp_path), ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    early = (x509.CertificateBuilder().subject_name(authority._subject).issuer_name(authority._subject).public_key(key.public_key())
             .serial_number(1).not_valid_before(now + certs.DAY).not_valid_after(now + certs.DAY * 90)
             .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False).sign(authority._key, hashes.SHA256()))
    (tmp_path / "early.pem").write_bytes(early.public_bytes(serialization.Encoding.PEM))
    r = run(None, "certificate", {"file": str(tmp_path / "early.pem"), "trust": trust, "tls_ca_file": str(authority.ca_file)})
    assert r.one()[0] == "CRITICAL" and r.one()[1].count("valid") == 1
    assert ("is not yet valid" if trust == "yes" else "is not valid before") in r.one()[1]


# --- control groups

def test_memory_a_group_that_reads_much_is_not_full(tmp_path):
    """Files that were read twice are as easily forgotten; only what is left cannot be."""
    group = "sys/fs/cgroup/"
    root = tree(tmp_path, {"proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n", group + "memory.max": "1000000000\n",
        group + "memory.current": "990000000\n", group + "cgroup.controllers": "memory pids\n",
        group + "memory.stat": "anon 300000000\nfile 600000000\ninactive_file 50000000\nactive_file 550000000\nslab_reclaimable 80000000\n"})
    assert run(root, "memory").items["container"] == ("OK", "31 % of its limit used, 296 MiB of 954 MiB")
    (root / group / "system.slice").mkdir()
    (root / group / "system.slice/db.service").mkdir()
    for name in "memory.max", "memory.current", "memory.stat":
        shutil.copy(root / group / name, root / group / "system.slice/db.service" / name)
    r = run(root, "cgroup", {"cgroup": "/system.slice/db.service"})
    assert r.one() == ("OK", "31 % of its memory used, 296 MiB of 954 MiB")


# --- process

def processes(tmp_path, **more):
    """A host whose own nginx is gone, and that of a container is there; and the server of NFS in the kernel."""
    stat = "{} ({}) S 2 1 1 0 -1 {} 0 0 0 0 0 0 0 0 20 0 1 0 700 0 0\n"
    return tree(tmp_path, {"proc/1/stat": stat.format(1, "systemd", 4194560), "proc/2/stat": stat.format(2, "kthreadd", 2129984),
        "proc/50/stat": stat.format(50, "nginx", 4194560), "proc/50/status": "Name:\tnginx\nNSpid:\t50\t1\n",
        "proc/60/stat": stat.format(60, "nfsd", 2129984), "proc/60/status": "Name:\tnfsd\nNSpid:\t60\n", **more})


def test_process_of_a_container(tmp_path):
    root = processes(tmp_path)
    assert run(root, "process", {"name": "nginx"}).one() == ("OK", "running, pid 50")
    r = run(root, "process", {"name": "nginx", "containers": "no"})
    assert r.one() == ("CRITICAL", "not running: no process with the name nginx") and "pid 50" in r.evidence["c", "Similar processes"]
    assert run(processes(tmp_path / "own", **{"proc/51/stat": "51 (nginx) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 700 0 0\n",
        "proc/51/status": "NSpid:\t51\n"}), "process", {"name": "nginx", "containers": "no"}).one() == ("OK", "running, pid 51")


def test_process_of_the_kernel(tmp_path):
    """The first is right: a program may be called like a thread of the kernel. But it says what it saw."""
    root = processes(tmp_path)
    r = run(root, "process", {"name": "nfsd"})
    assert r.one()[0] == "CRITICAL" and r.evidence["c", "Similar processes"] == "pid 60, a thread of the kernel: nfsd\n"
    assert run(root, "process", {"name": "nfsd", "kernel": "yes"}).one() == ("OK", "running, pid 60")
    assert run(root, "process", {"name": "nginx", "kernel": "yes"}).one()[0] == "CRITICAL"


def test_process_whose_first_thread_has_ended(tmp_path):
    """A real one: it is shown as a zombie, and works on."""
    code = ("import ctypes, os, threading, time; threading.Thread(target=lambda: (os.write(1, b'x'), time.sleep(1000))).start(); "
            "ctypes.CDLL(None).pthread_exit(None)")
    with subprocess.Popen([sys.executable, "-c", code, "first-thread-has-ended"], stdout=subprocess.PIPE) as p:
        try:
            p.stdout.read(1)
            stat = pathlib.Path(f"/proc/{p.pid}/stat")
            wait_until(lambda: stat.read_text().rpartition(") ")[2][0] == "Z", "the end of the first thread")
            pidfile = tmp_path / "pid"
            pidfile.write_text(f"{p.pid}\n")
            assert run(None, "process", {"pidfile": str(pidfile)}).one()[0] == "OK"
            p.kill()
            wait_until(lambda: run(None, "process", {"pidfile": str(pidfile)}).one()[0] == "CRITICAL", "the end of the process")
        finally:
            p.kill()


# --- mailq

def test_mailq_an_address_in_another_encoding(tmp_path):
    """postqueue writes its bytes into the JSON as they are."""
    root = tree(tmp_path, {}, "mailq/postfix")
    out = root / "usr/share/postqueue.out"
    count = run(root, "mailq").number("messages")
    out.write_bytes(out.read_bytes().replace(b'"sender": "', b'"sender": "m\xfcller\xe2\x82@', 1))
    r = run(root, "mailq")
    assert r.number("messages") == count
    assert run(root, "mailq", {"messages_warning": "1"}).one()[0] == "WARNING"


# --- network: a bond

def bond(tmp_path, mii="up", **attributes):
    base, zeros = "sys/class/net/", " 0" * 16
    names = ["bond0", "eth0", "eth1"]
    return tree(tmp_path, {"proc/net/dev": "Inter-|\n face |\n" + "".join(f"  {n}:{zeros}\n" for n in names),
        **{f"{base}{n}/operstate": "up\n" for n in names}, **{f"{base}{n}/flags": "0x1003\n" for n in names},
        **{f"{base}{n}/bonding_slave/mii_status": f"{m}\n" for n, m in (("eth0", "up"), ("eth1", mii))},
        base + "bond0/bonding/slaves": "eth0 eth1\n", base + "eth1/operstate": "up\n" if mii == "up" else "down\n",
        base + "eth1/device/vendor": "0x8086\n", **{f"{base}bond0/bonding/{name}": f"{value}\n" for name, value in attributes.items()}})


@pytest.mark.parametrize("state, text, attributes", [
    ("OK", "up; rates come", {}), ("OK", "up; rates come", {"mode": "802.3ad 4", "ad_num_ports": 2}),
    ("WARNING", "1 of 2 interfaces of the bond work, not eth1", {"mii": "down"}),
    ("WARNING", "only 1 of 2 interfaces take part in the bond", {"mode": "802.3ad 4", "ad_num_ports": 1})])
def test_network_bond_is_up_with_half_of_its_interfaces(tmp_path, state, text, attributes):
    r = run(bond(tmp_path, **attributes), "network", {"interface": "bond0"})
    assert r.one()[0] == state and text in r.one()[1]


def test_network_part_of_a_bond_must_have_a_link(tmp_path):
    """Also where it had none at the first look, when it could be a socket without a cable."""
    r = run(bond(tmp_path, mii="down"), "network")
    assert r.one() == ("CRITICAL", "no link: no cable, or nothing at its other end")


# --- load

CPUS = "cpu 1 1 1 1\ncpu0 1 1 1 1\ncpu1 1 1 1 1\n"


@pytest.mark.parametrize("loadavg, mounts, state, text", [
    ("40.00 40.00 40.00 9/4711 1", LXCFS.format(61, "/proc/stat", "/proc/stat"), "OK", "on 16 processors of the host"),
    ("40.00 40.00 40.00 9/30 1", LXCFS.format(61, "/proc/stat", "/proc/stat"), "CRITICAL", "on 2 processors"),
    ("40.00 40.00 40.00 9/4711 1", "", "CRITICAL", "on 2 processors"), ("999.00 999.00 999.00 9/4711 1", LXCFS.format(61, "/proc/stat", "/proc/stat"), "CRITICAL",
     "on 16 processors of the host")])
def test_load_of_the_host_seen_in_a_container(tmp_path, loadavg, mounts, state, text):
    """lxcfs gives the container two processors, and leaves it the load of a host that has sixteen."""
    thread = "{} (x) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 12 0 700 0 0\n"
    root = tree(tmp_path, {"proc/loadavg": loadavg + "\n", "proc/stat": CPUS, "proc/self/mountinfo": PROC + mounts,
        "proc/1/stat": thread.format(1), "proc/9/stat": thread.format(9), "sys/devices/system/cpu/present": "0-7,16-23\n"})
    got = run(root, "load").one()
    assert got[0] == state and text in got[1]


# --- reboot

@pytest.mark.parametrize("others, newest", [
    (["5.14.0-427.el9.x86_64", "5.14.0-427.13.1.el9_4.x86_64+debug", "6.6.1-1.el9.elrepo.x86_64"], None),
    (["5.14.0-427.el9.x86_64", "5.14.0-427.16.1.el9_4.x86_64", "5.14.0-427.20.1.el9_4.x86_64+rt"], "5.14.0-427.16.1.el9_4.x86_64")])
def test_reboot_kernels_of_red_hat(tmp_path, others, newest):
    """The first kernel of a release, whose name has letters where those of its updates have numbers, is kept for long."""
    running = "5.14.0-427.13.1.el9_4.x86_64"
    files = {"proc/uptime": "432000.10 800000.00\n", "proc/sys/kernel/osrelease": running + "\n",
             "proc/sys/kernel/version": "#1 SMP PREEMPT_DYNAMIC Wed Apr 10 10:29:16 EDT 2024\n"}
    for kernel in [running, *others]:
        files |= {f"boot/vmlinuz-{kernel}": "", f"lib/modules/{kernel}/modules.dep": ""}
    state, text = run(tree(tmp_path, files), "reboot").one()
    assert (state, newest is None) in (("OK", True), ("WARNING", False)), text
    assert newest is None or text.startswith(f"kernel {newest} is installed, but {running} runs, for ")
