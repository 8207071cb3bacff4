# SPDX-License-Identifier: GPL-3.0-or-later
"""Check modules about the network (network, certificate, smtp, imap, pop3, dns, ping, http): on recorded trees, and
against servers of the test on the loopback."""
import os
import pathlib
import subprocess
import sys

import pytest

from test_checks import run

# --- network

ETH0 = {"in_bytes eth0": 0.0, "out_bytes eth0": 0.0, "in_errors eth0": 0.0, "out_errors eth0": 0.0, "in_drops eth0": 0.0,
        "out_drops eth0": 0.0}
BAD = {"interface": "eth0"}


def test_network_good():
    """Physical ones that are switched on; one without a cable from the beginning is no fault."""
    r = run("network/good", "network")
    assert r.items == {
        "eth0": ("OK", "up, 1000 Mbit/s; rates come with the next look"),
        "eth2": ("OK", "no link: no cable, or nothing at its other end, and there was none since it is watched"),
        "ens5": ("OK", "up; rates come with the next look")}
    assert r.looks[1:] == list(r.items) and r.evidence == {} and r.watches == []
    assert r.memory["in_bytes eth0"] == 75000000 and r.memory["losses eth0"] == 1
    assert (r.memory["link eth0"], r.memory["link eth2"]) == (1, 0)
    assert r.metrics["eth0", "losses"][:2] == ["1", "c"] and ("eth0", "in") not in r.metrics


def test_network_rates():
    r = run("network/good", "network", {"interface": "eth0", "throughput_warning": "80%"}, ETH0)
    assert r.one() == ("OK", "up, 1000 Mbit/s, 10.0 Mbit/s in, 1.0 Mbit/s out")
    assert r.metrics["eth0", "in"] == ["1250000", "B/s", "100000000", "", "0", "125000000"]
    assert r.number("out") == 125000 and r.number("usage") == 1 and r.metrics["eth0", "in_drops"][:3] == ["0.1", "/s", "100"]


def test_network_woken_twice_within_a_second():
    """The sample stays, so that no rate rests on a moment."""
    r = run("network/good", "network", {"interface": "eth0"}, ETH0, 20_000)
    assert r.one()[1].endswith("rates come with the next look") and "in_bytes eth0" not in r.memory
    assert "losses eth0" in r.memory


def test_network_counters_that_began_anew():
    r = run("network/good", "network", {"interface": "eth0"}, {**ETH0, "in_bytes eth0": 75000001.0, "losses eth0": 2.0})
    assert r.one()[0] == "OK" and r.memory["in_bytes eth0"] == 75000000 and ("eth0", "in") not in r.metrics
    assert r.number("out") == 125000


@pytest.mark.parametrize("options, items", [
    ({"exclude": ["eth*", "lo"]}, {"ens5"}), ({"interface": ["auto", "tun0", "eth0", "tun0"]}, {"eth2", "ens5", "tun0", "eth0"}),
    ({"interface": "lo"}, {"lo"})])
def test_network_which(options, items):
    r = run("network/good", "network", options)
    assert set(r.items) == items and all(s == "OK" for s, _ in r.items.values())


def test_network_bad():
    r = run("network/bad", "network", {"interface": ["auto", "vlan5", "eth3", "none"]}, {"link eth1": 1, "losses eth1": 6})
    assert r.items["eth1"] == ("CRITICAL", "no link: no cable, or nothing at its other end")
    assert r.items["eth2"][0] == "OK" and "802.1X" in r.items["eth2"][1]  # never seen with a link
    assert r.items["vlan5"] == ("CRITICAL", "no link: the interface below it is down")
    assert r.items["eth3"] == ("CRITICAL", "switched off (administratively down)")
    assert r.items["none"] == ("CRITICAL", "there is no such interface")
    assert r.memory["link eth1"] == 1 and r.number("losses", "eth1") == 7
    assert "eth3: switched off" in r.evidence["none", "The other interfaces"]
    assert "operstate: down" in r.evidence["eth1", "The interface (counters since it is there)"]


@pytest.mark.parametrize("options, memory, state, text", [
    ({}, {}, "OK", "up, 100 Mbit/s"), ({"speed_min": "1000"}, {}, "WARNING", "runs with 100 Mbit/s only (at least 1000)"),
    ({"speed_min": "100"}, {}, "OK", ""), ({"full_duplex": "yes"}, {}, "WARNING", "runs in half duplex"),
    ({}, {"losses eth0": 3}, "WARNING", "was lost 1 time since"), ({}, {"losses eth0": 1}, "WARNING", "was lost 3 times since"),
    ({"losses_warning": "4"}, {"losses eth0": 1}, "OK", ""), ({"losses_warning": "0"}, {"losses eth0": 1}, "OK", ""),
    ({}, ETH0, "WARNING", "100 packets with errors a second in (limit 1); 150 dropped packets a second in (limit 100)"),
    ({"errors_critical": "100.2"}, ETH0, "CRITICAL", "100 packets with errors a second in (limit 100.2)"),
    ({"errors_warning": "0", "drops_critical": "150"}, ETH0, "CRITICAL", "150 dropped"),
    ({"errors_warning": "101", "drops_warning": "151"}, ETH0, "OK", "100 Mbit/s in, 8.0 Mbit/s out"),
    ({}, {**ETH0, "in_errors eth0": 6012.0, "in_drops eth0": 9000.0, "out_errors eth0": -40.0}, "WARNING", "errors a second out"),
    ({"throughput_warning": "80%", "errors_warning": "0", "drops_warning": "0"}, ETH0, "WARNING", "100 Mbit/s in (limit 80.0 Mbit/s)"),
    ({"throughput_critical": "100%"}, ETH0, "CRITICAL", "100 Mbit/s in (limit 100 Mbit/s)"),
    ({"throughput_critical": "12M"}, ETH0, "WARNING", "errors"), ({"throughput_critical": "11M"}, ETH0, "CRITICAL", "(limit 92.3 Mbit/s)")])
def test_network_limits(options, memory, state, text):
    r = run("network/bad", "network", {**BAD, **options}, memory)
    assert r.one()[0] == state and text in r.one()[1]
    if state != "OK":
        shown = r.evidence["eth0", "The interface (counters since it is there)"]
        assert "duplex: half" in shown and "rx_crc_errors: 6000" in shown and "collisions" not in shown


def test_network_speed_that_nobody_knows():
    r = run("network/good", "network", {"interface": "ens5", "throughput_warning": "80%"})
    assert r.one()[0] == "UNKNOWN" and "does not tell the speed" in r.one()[1]
    assert run("network/good", "network", {"interface": "ens5", "throughput_warning": "10M"}).one()[0] == "OK"


@pytest.mark.parametrize("root, code, text", [
    ("garbage", 74, "/proc/net/dev cannot be read"), ("missing", 2, "/sys/class/net/ cannot be opened"),
    ("container", 95, "no physical network interface")])
def test_network_cannot_look(root, code, text):
    r = run(f"network/{root}", "network")
    assert (r.items, r.code) == ({}, code) and text in r.reason


def test_network_state_that_cannot_be_read():
    assert run("network/strange", "network").one() == (
        "UNKNOWN", "the state of its link cannot be read from /sys/class/net/eth0")
    assert run("network/container", "network", BAD).one()[0] == "OK"


@pytest.mark.parametrize("options", [
    {"interface": "../eth0"}, {"interface": "a-name-of-sixteen"}, {"errors_warning": "2", "errors_critical": "1"}, {"speed_min": "-1"},
    {"throughput_warning": "90%", "throughput_critical": "80%"}, {"throughput_warning": "101%"}, {"drops_warning": "-1"}])
def test_network_options_that_contradict_each_other(options):
    r = run("network/good", "network", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_network_of_this_host():
    r = run(None, "network", {"interface": "lo"})
    assert r.one()[0] == "OK" and len(r.watches) == 1
    lines = {x.split(":")[0].strip(): x.split(":")[1].split() for x in pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]}
    assert 0 <= float(lines["lo"][0]) - r.memory["in_bytes lo"] < 1e9


IN_NAMESPACE = ["unshare", "--net", "--mount", "--map-root-user", "--propagation", "private", sys.executable, "-c"]


def in_namespace(script, *args):
    """Runs SCRIPT as root of a network of its own; skips where that is not allowed."""
    p = subprocess.run([*IN_NAMESPACE, script, str(pathlib.Path(__file__).parent), *args], capture_output=True, text=True,
                       timeout=120, check=False)
    if "unshare" in p.stderr or "not permitted" in p.stderr.lower() or "FileNotFoundError" in p.stderr:
        pytest.skip("this host does not allow a network name space: " + p.stderr.strip()[-200:])
    return p


def test_network_link_down_wakes():
    """A real link goes down: the watch becomes ready, and the next look says so. Its return is noticed too."""
    script = r"""
import os, select, subprocess, sys
sys.path.insert(0, sys.argv[1])
import test_checks as t
def sh(*command): subprocess.run(command, check=True)
sh("mount", "-t", "sysfs", "sysfs", "/sys")
sh("ip", "link", "add", "one", "type", "veth", "peer", "name", "two")
sh("ip", "link", "set", "one", "up")
sh("ip", "link", "set", "two", "up")
options = {"interface": "one", "losses_warning": "0"}
with t.start() as h:
    h.expect("ready")
    def look():
        t.send(h, "network", options)
        h.send("run", "")
        fd = None
        while True:
            kind, fields, got = h.receive()
            fd = got if got is not None else fd
            if kind == "item": print(fields[2], fields[3], flush=True)
            if kind == "done": return fd
    def wait(fd):
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(10_000), "not woken"
        os.close(fd)
    fd = look()
    sh("ip", "link", "set", "two", "down")
    wait(fd)
    fd = look()
    sh("ip", "link", "set", "two", "up")
    wait(fd)
    fd = look()
    sh("ip", "link", "set", "one", "down")
    wait(fd)
    fd = look()
    sh("ip", "link", "del", "one")
    wait(fd)
    look()
"""
    if not any(os.access(p + "/ip", os.X_OK) for p in ("/usr/sbin", "/sbin", "/usr/bin")):
        pytest.skip("no ip (iproute2) here")
    p = in_namespace(script)
    lines = p.stdout.splitlines()
    assert len(lines) == 5, p.stderr + p.stdout
    assert lines[0].startswith("OK up, 10000 Mbit/s") and lines[2].startswith("OK up")
    assert lines[1] == "CRITICAL no link: the interface below it is down"
    assert lines[3] == "CRITICAL switched off (administratively down)" and lines[4] == "CRITICAL there is no such interface"
