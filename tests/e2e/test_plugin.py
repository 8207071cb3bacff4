# SPDX-License-Identifier: GPL-3.0-or-later
"""The check "plugin": scripts that do what plugins do and should not, and Debian's monitoring-plugins."""
import os
import pathlib
import pwd
import re
import subprocess
import time

import pytest

import helper
from test_checks import MODULES, PROGRAM, Result, run, send

PLUGINS = pathlib.Path("/usr/lib/nagios/plugins")


@pytest.fixture
def plugin(tmp_path):
    """Writes a plugin, runs it through the check, and returns the result."""
    def call(script, *args, interpreter="/bin/sh", **options):
        path = tmp_path / "check_it"
        path.write_text(f"#!{interpreter}\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return run(None, "plugin", {"command": " ".join([str(path), *args]), **options})
    return call


def evidence(r, title):
    return r.evidence.get(("c", title))


@pytest.mark.parametrize("status, state", [(0, "OK"), (1, "WARNING"), (2, "CRITICAL"), (3, "UNKNOWN")])
def test_states(plugin, status, state):
    assert plugin(f"echo 'it is so'; exit {status}").one() == (state, "it is so")


@pytest.mark.parametrize("script, text", [
    ("echo so; exit 4", "the plugin's exit status 4 is no state: so"),
    ("nonesuch", "the plugin's exit status 127 is no state (127: a program that it calls was not found): "),
    ("echo so; kill -SEGV $$", "the plugin was killed by signal 11 (Segmentation fault): so"),
    ("exit 255", "the plugin's exit status 255 is no state")])
def test_what_is_no_state(plugin, script, text):
    state, said = plugin(script).one()
    assert state == "UNKNOWN" and said.startswith(text)


def test_the_whole_output(plugin):
    r = plugin("""cat <<'END'
DISK WARNING - it's full | 'a = b''s'=93.5%;80;90;0;100 /=20MB;@10:20;~:30;0
first line
second line | time=12.5ms;100;200 range=5;10:20;20:
gone=U nonsense=x
END
echo 'be careful' >&2
exit 1""")
    assert r.one() == ("WARNING", "DISK WARNING - it's full")
    assert r.metrics == {
        ("c", "a = b's"): ["93.5", "%", "80", "90", "0", "100"], ("c", "/"): ["20", "MB", "20", "30", "0", ""],
        ("c", "time"): ["0.0125", "s", "0.1", "0.2", "", ""], ("c", "range"): ["5", "", "10", "20", "", ""]}
    assert evidence(r, "Output of the plugin") == "first line\nsecond line"
    assert evidence(r, "What it wrote to standard error").strip() == "be careful"
    assert evidence(r, "Limits that are ranges").splitlines() == [
        "/: warning when the value is inside of @10:20", "range: warning when the value is outside of 10:20",
        "range: critical when the value is outside of 20:"]
    assert evidence(r, "Values that the plugin could not determine").strip() == "gone"
    assert evidence(r, "Performance data that is none").strip() == "nonsense=x"


def test_nothing_is_said(plugin):
    assert plugin("exit 0").one() == ("OK", "the plugin said nothing")
    assert plugin("echo >&2; echo 'no such file' >&2; exit 2").one() == ("CRITICAL", "no such file")


def test_the_arguments_arrive(plugin, tmp_path):
    """Nothing is replaced, and quotation marks mean what they mean to a shell."""
    plugin('printf "%s\\0" "$@" > "$0.args"', '"a b"', "'c \"d'", 'e\\ f', '""', 'g"h"\'i\'', '"\\"$(id) | x\\\\"', "*", "~",
           "'$HOME'", "\\;")
    assert (tmp_path / "check_it.args").read_text().split("\0") == [
        "a b", 'c "d', "e f", "", "ghi", '"$(id) | x\\', "*", "~", "$HOME", ";", ""]


@pytest.mark.parametrize("command, why", [
    ("check_load", "absolute path"), ("/bin/echo 'x", "without its partner"), ("/bin/echo \"x", "without its partner"),
    ("/bin/echo x | cat", "not run by a shell"), ("/bin/echo $HOME", "not run by a shell"), ("/bin/echo x\\", "backslash"),
    ("/bin/echo" + " x" * 600, "too many"), ("/bin/echo " + "x" * 9000, "longer")])
def test_wrong_commands(command, why):
    r = run(None, "plugin", {"command": command})
    assert r.code == 22 and why in r.reason


def test_no_command():
    assert "command is needed" in run(None, "plugin").reason


def test_cannot_be_started(tmp_path):
    path = tmp_path / "plugin"
    r = run(None, "plugin", {"command": str(path)})
    assert r.code == 2 and r.items == {} and r.reason == f"{path} cannot be started: No such file or directory"
    path.write_text("#!/bin/sh\n")
    assert "Permission denied" in run(None, "plugin", {"command": str(path)}).reason


def test_surroundings(plugin):
    r = plugin("""import os, signal
print("x")
print(sorted(os.environ.items()))
print(os.readlink("/proc/self/fd/0"), sorted(int(f) for f in os.listdir("/proc/self/fd"))[:-1])
print(os.getpgid(0) == os.getpid(), os.getcwd())
print([l.split()[1] for l in open("/proc/self/status") if l.startswith("SigBlk")],
    signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
""", interpreter="/usr/bin/python3 -I")
    assert evidence(r, "Output of the plugin").splitlines() == [
        "[('LC_ALL', 'C.UTF-8'), ('PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')]",
        "/dev/null [0, 1, 2]", "True /", "['0000000000000000'] True"]


def test_no_signal_is_ignored(plugin, tmp_path):
    """As systemd starts services: with SIGPIPE ignored."""
    path = tmp_path / "plugin"
    path.write_text("#!/bin/sh\necho x\ngrep SigIgn /proc/self/status\n")
    path.chmod(0o755)
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(f"#!/bin/sh\ntrap '' PIPE\nexec {PROGRAM} \"$@\"\n")
    wrapper.chmod(0o755)
    with helper.Helper.start(wrapper, [], env={"TOCSIN_CHECK_DIR": str(MODULES)}) as h:
        h.expect("ready")
        send(h, "plugin", {"command": str(path)})
        h.send("run", "")
        r = Result(h.until("done"))
    label, ignored = evidence(r, "Output of the plugin").split()
    # The C library keeps 32 and 33 to itself: nobody can set them, and who ignored them before us goes on doing so.
    assert label == "SigIgn:" and int(ignored, 16) & ~(0b11 << 31) == 0


def test_protection_from_the_oom_killer_is_not_handed_on(plugin, tmp_path):
    own = pathlib.Path("/proc/self/oom_score_adj")
    before = own.read_text()
    try:
        own.write_text("100")
        assert plugin("cat /proc/self/oom_score_adj").one() == ("OK", "100")
        try:
            own.write_text("-5")
        except OSError:
            pytest.skip("oom_score_adj cannot be lowered: CAP_SYS_RESOURCE is missing")
        assert plugin("cat /proc/self/oom_score_adj").one() == ("OK", "0")
    finally:
        own.write_text(before)


def alive(pid):
    """Not gone, and no zombie either."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_timeout(plugin, tmp_path):
    pids = tmp_path / "pids"
    began = time.monotonic()
    r = plugin(f"echo begun; sleep 300 & echo $! > {pids}; echo $$ >> {pids}; trap '' TERM; wait; sleep 300", plugin_timeout="500ms")
    assert r.one() == ("UNKNOWN", "the plugin did not end within 500 ms and was killed: begun")
    assert time.monotonic() - began < 60
    assert not any(alive(pid) for pid in pids.read_text().split())


def test_what_is_left_behind(plugin, tmp_path):
    """A child that holds the pipe does not delay the result, and goes."""
    pid = tmp_path / "pid"
    r = plugin(f"sleep 300 & echo $! > {pid}; echo fine")
    assert r.one() == ("OK", "fine") and not alive(pid.read_text().strip())
    r = plugin(f"setsid sleep 300 & echo $! > {pid}; sleep 0.2; echo fine")
    assert r.one() == ("OK", "fine") and not alive(pid.read_text().strip())


def test_the_runner_dies_first(tmp_path):
    """As when the daemon kills it at the timeout of the check."""
    path, pid = tmp_path / "plugin", tmp_path / "pid"
    path.write_text(f"#!/bin/sh\necho $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 300\n")
    path.chmod(0o755)
    with helper.Helper.start(PROGRAM, [], env={"TOCSIN_CHECK_DIR": str(MODULES)}) as h:
        h.expect("ready")
        send(h, "plugin", {"command": str(path)})
        h.send("run", "")
        deadline = time.monotonic() + 30
        while not pid.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        h.process.kill()
        while alive(pid.read_text().strip()) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert not alive(pid.read_text().strip())


def test_output_is_cut(plugin):
    r = plugin("echo first; head -c 200000 /dev/zero | tr '\\0' x; exit 1")
    assert r.one() == ("WARNING", "first")
    assert len(evidence(r, "Output of the plugin")) == 65536 - len("first\n")
    assert evidence(r, "Output was cut") == "200006 bytes were written, only the first 65536 were kept."


def test_output_without_end(plugin):
    r = plugin("yes")
    assert r.one() == ("UNKNOWN", "the plugin wrote without end and was killed: y")


def test_any_bytes(plugin):
    r = plugin("printf 'a\\000b\\033[31m\\377 | x=1\\n\\000\\n'; exit 2")
    assert r.one() == ("CRITICAL", "a?b\\x1b[31m\\xff") and r.number("x") == 1


def test_a_recorded_tree():
    assert "recorded" in run("load/good", "plugin", {"command": "/bin/true"}).reason


# --- Debian's monitoring-plugins

def debian(name, *args):
    if not (PLUGINS / name).exists():
        pytest.skip(f"{PLUGINS / name} is missing: monitoring-plugins-basic is not installed")
    return run(None, "plugin", {"command": " ".join([str(PLUGINS / name), *args])})


@pytest.mark.parametrize("status, state", [(0, "OK"), (1, "WARNING"), (2, "CRITICAL"), (3, "UNKNOWN")])
def test_check_dummy(status, state):
    assert debian("check_dummy", str(status), '"in two words"').one() == (state, f"{state}: in two words")


def test_check_load():
    r = debian("check_load", "-w", "9001,9002,9003", "-c", "9004,9005,9006")
    assert r.one()[0] == "OK" and evidence(r, "Performance data that is none") is None
    assert r.metrics["c", "load5"][1:] == ["", "9002", "9005", "0", ""]
    assert abs(r.number("load1") - os.getloadavg()[0]) < 50


def test_check_load_bad():
    assert debian("check_load", "-w", "0,0,0", "-c", "9004,9005,9006").one()[0] in ("OK", "WARNING")
    assert debian("check_load", "-w", "nonsense").one()[0] == "UNKNOWN"


def test_check_disk():
    r = debian("check_disk", "-w", "0%", "-c", "0%", "-p", "/")
    assert r.one()[0] == "OK" and r.number("/") > 0
    assert debian("check_disk", "-w", "100%", "-c", "100%", "-p", "/").one()[0] == "CRITICAL"
    assert debian("check_disk", "-w", "1%", "-c", "1%", "-p", "/nonesuch").one()[0] in ("CRITICAL", "UNKNOWN")


def test_check_procs():
    r = debian("check_procs", "-w", "1:100000", "-c", "1:200000")
    assert r.one()[0] == "OK" and r.number("procs") >= 1
    assert "critical when the value is outside of 1:200000" in evidence(r, "Limits that are ranges")
    r = debian("check_procs", "-c", "1:", "-C", "nonesuch")
    assert r.one()[0] == "CRITICAL" and r.number("procs") == 0


def test_check_swap():
    r = debian("check_swap", "-w", "1%", "-c", "0%", "--no-swap=ok")
    assert r.one()[0] in ("OK", "WARNING") and r.number("swap") >= 0 and r.metrics["c", "swap"][1] in ("B", "MB")


def test_check_users():
    r = debian("check_users", "-w", "1000", "-c", "2000")
    assert r.one()[0] == "OK" and r.metrics["c", "users"][2:4] == ["1000", "2000"]


HOW = "How the plugin was run"


def test_how_it_was_run(plugin, tmp_path):
    """A bad result can be repeated by hand."""
    assert evidence(plugin("exit 0", "-x"), HOW) is None
    r = plugin("exit 2", "-w", "'a b'")
    command, end, surroundings = evidence(r, HOW).splitlines()
    assert command == f"{tmp_path}/check_it -w 'a b'" and re.fullmatch(r"Exit status 2 after \d.*", end)
    assert surroundings == f"As user {pwd.getpwuid(os.geteuid()).pw_name}, with only PATH and LC_ALL in the environment"
    assert subprocess.run(command, shell=True, check=False).returncode == 2


@pytest.mark.parametrize("script, options, end", [
    ("kill -SEGV $$", {}, r"Ended by signal 11 \(Segmentation fault\) after .+"), ("exit 9", {}, "Exit status 9 after .+"),
    ("sleep 300", {"plugin_timeout": "300ms"}, r"Killed after \d+ ms"),
    ("exec yes", {}, "Killed after .+")])
def test_how_it_ended(plugin, script, options, end):
    assert re.fullmatch(end, evidence(plugin(script, **options), HOW).splitlines()[1])


def test_no_secret_is_shown(plugin, tmp_path):
    r = plugin("exit 1", "--password", "hunter2", "-H", "db")
    assert evidence(r, HOW).splitlines()[0] == f"{tmp_path}/check_it --password **** -H db"
    assert evidence(r, HOW).splitlines()[3] == "**** stands for what may be a secret; the configuration has it"
    r = plugin("exit 1", "hunter2", show_command="no")
    assert "hunter2" not in str(r.evidence) and evidence(r, HOW).startswith("Exit status 1 after ")
