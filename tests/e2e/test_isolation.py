# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check module may do to itself and to nobody else: each bad deed costs its own result; the others of the same
batch report, and so does the next look."""
import json
import os
import pathlib
import re
import subprocess
import time

import pytest

import frozen
import harness
from harness import BUILD, program

UNKNOWN = "UNKNOWN"


def sanitized():
    return b"__asan_init" in (BUILD / "src/tocsin-check").read_bytes()


def items(setup):
    r = setup.tocsin("status", "--json")
    assert r.returncode in (0, 1, 2, 3) and r.stdout, r.stderr
    return {i["check"]: i for i in json.loads(r.stdout)["items"]}


def wait_for(setup, is_true, limit=60):
    """The items, as soon as they are as wanted."""
    until = time.monotonic() + limit
    while not is_true(found := items(setup)):
        assert time.monotonic() < until, found
        time.sleep(0.1)
    return found


def has_looked(item):
    return item["last_look"] is not None


# Deed: the state of the check that does it, and what its text says.
DEEDS = {
    "crash": (UNKNOWN, "crashed (SIGSEGV"),
    "exit": ("OK", "going"),  # it had reported: what is finished stands
    "close": (UNKNOWN, "while it looked at bad"),
    "hang": (UNKNOWN, "gave no answer within its time limit and was killed"),
    "stop": (UNKNOWN, "gave no answer within its time limit and was killed"),
    "chatter": (UNKNOWN, "gave no answer within its time limit and was killed"),
    "gorge": (UNKNOWN, "gave no answer within its time limit and was killed"),
    "devour": ("OK", "got NULL"),
    "leak": ("OK", "leaked"),
    "garbage": ("OK", "evil \\x1b[31m"),
    "flood": ("OK", "xxx"),
    "fork": ("OK", ""),
    "double": ("OK", "I am the one"),
    "spoil": ("OK", "spoilt"),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_bad_deed_harms_only_its_own_result(setup, daemon, catcher, victim, deed):
    if deed in ("devour", "gorge") and sanitized():
        pytest.skip("AddressSanitizer needs more address space than the limit allows")
    state, text = DEEDS[deed]
    neighbours = [f"good{i}" for i in range(6)]
    # Before it and behind it in the batch.
    setup.write(*(harness.check(n, "rogue", deed="echo") for n in neighbours[:3]),
                harness.check("bad", "rogue", deed=deed, timeout="1s"),
                *(harness.check(n, "rogue", deed="echo") for n in neighbours[3:]), victim.check())
    d = daemon(setup)
    found = wait_for(setup, lambda found: len(found) >= 8 and all(map(has_looked, found.values())))
    for name in (*neighbours, "victim"):
        assert found[name]["last_state"] == "OK", found[name]
    told = [i for i in json.loads(setup.tocsin("status", "--json").stdout)["items"] if i["check"] == "bad"]
    assert any(i["last_state"] == state and text in i["text"] for i in told), told
    # And at the next look, and when something happens.
    looks = {n: found[n]["last_look"] for n in neighbours}
    wait_for(setup, lambda found: all(found[n]["last_look"] > looks[n] for n in neighbours))
    assert all(i["last_state"] == "OK" for n, i in items(setup).items() if n != "bad")
    victim.kill()
    catcher.wait("CRITICAL.*victim")
    assert d.stop() < harness.END_WITHIN and d.process.returncode == 0  # it looks for strays, too


def test_no_other_check_waits_for_one_that_hangs_again_and_again(setup, daemon, catcher, victim):
    """The first time it costs those behind it in the batch its whole time limit; from then on it is alone."""
    setup.write(harness.check("bad", "rogue", deed="hang", timeout="4s"), victim.check())
    daemon(setup)
    wait_for(setup, lambda found: has_looked(found["bad"]) and has_looked(found["victim"]) if len(found) == 2 else False)
    before = items(setup)["bad"]["last_look"]
    ended = wait_for(setup, lambda found: found["bad"]["last_look"] > before)["bad"]["last_look"]
    time.sleep(1.5)  # now it hangs again
    victim.kill()
    catcher.wait("CRITICAL.*victim")
    assert items(setup)["bad"]["last_look"] == ended, "the mail came only after the check that hung"


# --- a file system that does not answer

@pytest.fixture
def ice(tmp_path):
    reason = frozen.why_not()
    if reason:
        pytest.skip(reason)
    with frozen.Frozen(tmp_path / "ice") as f:
        f.path = tmp_path / "ice"
        yield f


@pytest.mark.parametrize("module, path", [("disk", ""), ("file", "/a/b")])
def test_a_file_system_that_hangs(setup, daemon, catcher, victim, ice, module, path):
    """SIGKILL does not end the look; no second one is sent after it, and all others go on."""
    setup.write(harness.check("load", "load", load5_warning=0, load5_critical=0, load15_warning=0, load15_critical=0),
                harness.check("ice", module, path=f"{ice.path}{path}", timeout="1s"),
                harness.check("root", "disk", path="/", warning="100%", critical="100%"), victim.check())
    d = daemon(setup, watchdog_usec=2_000_000, prefix=ice.prefix)
    found = wait_for(setup, lambda found: "stuck in the kernel since" in found.get("ice", {}).get("text", ""))
    assert found["ice"]["last_state"] == UNKNOWN
    assert [found[n]["last_state"] for n in ("load", "root", "victim")] == ["OK"] * 3
    before = found["root"]["last_look"]
    wait_for(setup, lambda found: found["root"]["last_look"] > before)
    stuck = [pid for pid, command in d.leftovers() if "tocsin-check" in command and state_of(pid) == "D"]
    assert len(stuck) == 1, d.leftovers()
    d.wait_notified("WATCHDOG", "^1$", count=len(d.notified("WATCHDOG")) + 2)
    victim.kill()
    catcher.wait("CRITICAL.*victim")
    ice.release()
    d.wait_log("stuck in the kernel, has ended")
    wait_for(setup, lambda found: "stuck" not in found["ice"]["text"])
    assert d.stop() < harness.END_WITHIN and d.process.returncode == 0


def state_of(pid):
    """The letter of proc_pid_stat(5)."""
    try:
        return re.search(r"\) (\w)", pathlib.Path(f"/proc/{pid}/stat").read_text()).group(1)
    except OSError:
        return None


def test_the_daemon_ends_while_a_look_hangs_in_the_kernel(setup, daemon, catcher, victim, ice):
    setup.write(harness.check("ice", "disk", path=ice.path, timeout="1s"), victim.check())
    d = daemon(setup, prefix=ice.prefix)
    wait_for(setup, lambda found: "stuck in the kernel" in found.get("ice", {}).get("text", ""))
    began = time.monotonic()
    d.process.terminate()
    assert d.process.wait(30) == 0 and time.monotonic() - began < harness.END_WITHIN
    ice.release()


def test_tried_by_hand(ice, tmp_path):
    """The command line says it and ends, though its helper cannot."""
    env = {**os.environ, "TOCSIN_LIBEXEC_DIR": str(BUILD / "src"), "TOCSIN_CHECK_DIR": str(BUILD / "checks/.libs")}
    out = tmp_path / "out"
    with out.open("w") as file:  # the helper keeps what it inherited, so no pipe of it ends
        process = subprocess.Popen([*ice.prefix, program("tocsin"), "try", "disk", f"path={ice.path}", "timeout=1s"], env=env,
                                   stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    assert process.wait(30) == 3
    assert f"is stuck in the kernel while it looked at {ice.path}" in out.read_text()
