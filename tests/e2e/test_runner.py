# SPDX-License-Identifier: GPL-3.0-or-later
"""tocsin-check as the daemon sees it: batches, and modules that do what no module should."""
import fcntl
import os
import pathlib
import re
import select
import signal
import subprocess
import time

import pytest

import helper

BUILD = pathlib.Path(os.environ.get("TOCSIN_BUILD", pathlib.Path(__file__).parents[2] / "build")).resolve()
PROGRAM = pathlib.Path(os.environ.get("TOCSIN_LIBEXEC_DIR", BUILD / "src")).resolve() / "tocsin-check"
ITEM_BYTES, TEXT_BYTES, EVIDENCE_BYTES = 255, 4096, 64 * 1024


def sanitized():
    return b"__asan_init" in PROGRAM.read_bytes()


@pytest.fixture
def modules(tmp_path):
    """A folder with the rogue and the misfits."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for path in BUILD.glob("tests/modules/.libs/*.so"):
        (folder / path.name).symlink_to(path)
    assert (folder / "rogue.so").exists()
    return folder


@pytest.fixture
def runner(modules):
    """Starts tocsin-check with the modules of the test."""
    started = []

    def start(*args, **env):
        env = {"TOCSIN_CHECK_DIR": str(modules), "ASAN_OPTIONS": "detect_leaks=0", **env}
        h = helper.Helper.start(PROGRAM, args, env=env)
        started.append(h)
        return h

    yield start
    for h in started:
        h.__exit__()


def ask(h, *checks):
    """One batch of (name, module, {option: value}); returns its messages."""
    for name, module, options in checks:
        h.send("check", name, module, 10_000_000)
        for key, value in options.items():
            for one in value if isinstance(value, list) else [value]:
                h.send("option", name, key, one)
    h.send("run", "")


def batch(h, *checks):
    ask(h, *checks)
    return h.until("done")


def deed(name, check=None):
    return (check or name, "rogue", {"deed": name})


def of(messages, kind):
    return [fields for k, fields in messages if k == kind]


def end(messages, check):
    found = [f for f in of(messages, "end") if f[0] == check]
    assert len(found) == 1, messages
    return int(found[0][1]), found[0][2]


def until_closed(h):
    messages = []
    try:
        while True:
            kind, fields, fd = h.receive()
            if fd is not None:
                os.close(fd)
            messages.append((kind, fields))
    except helper.Closed:
        return messages


def assert_good(h):
    """The runner still works."""
    messages = batch(h, deed("echo", "good"))
    assert of(messages, "item")[0][:3] == ["good", "good", "OK"]
    assert end(messages, "good") == (0, "")


def test_one_good_check(runner):
    h = runner("rogue")
    assert h.expect("ready")[0] in ("", "memory is not locked: Operation not permitted",
                                    "memory is not locked: Cannot allocate memory")
    h.send("check", "a", "rogue", 1)
    h.send("memory", "a", "key", "41.5", "60000000")
    h.send("option", "a", "word", "x")
    h.send("option", "a", "number", "42")
    h.send("option", "a", "word", "y")
    h.send("run", "")
    messages = h.until("done")
    assert [k for k, _ in messages] == ["look", "item", "remember", "watch", "end", "done"]
    assert messages[1][1] == ["a", "a", "OK", "n 42 words 2 first x recall 0 41.500 60000000 batch 1"]
    assert messages[2][1] == ["a", "key", "42.5"]
    assert messages[3][1] == ["a", str(select.POLLPRI)]


def test_batches_share_nothing(runner):
    h = runner()
    h.expect("ready")
    h.send("check", "a", "rogue", 1)
    h.send("memory", "a", "key", "5", "1")
    h.send("option", "a", "number", "99")
    h.send("run", "")
    h.until("done")
    texts = [f[3] for f in of(batch(h, deed("echo", "a"), deed("echo", "b")), "item")]
    assert texts == ["n 7 words 3 first a recall -2 0.000 0 batch 2"] * 2


def test_an_empty_batch(runner):
    h = runner()
    h.expect("ready")
    assert batch(h) == [("done", [])]


def test_ends_when_the_daemon_does(runner):
    h = runner()
    h.expect("ready")
    h.close()
    assert h.wait() == 0


@pytest.mark.parametrize("message", [
    ("option", "nobody", "k", "v"), ("memory", "nobody", "k", "1", "1"), ("check", "a", "rogue", "soon"), ("commit", "1"),
    ("done",), ("memory", "a", "k", "much", "1"), ("memory", "a", "k", "1", "long")])
def test_a_daemon_that_talks_nonsense(runner, message):
    h = runner()
    h.expect("ready")
    h.send("check", "a", "rogue", 1)
    h.send(*message)
    assert until_closed(h) == []
    assert h.wait() == 76


def test_is_no_program_for_a_terminal():
    result = subprocess.run([PROGRAM], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 64 and "Usage" in result.stderr
    chinese = subprocess.run([*result.args, "--help"], capture_output=True, text=True, check=True,
                             env={**os.environ, "TOCSIN_LANGUAGE": "zh_CN"}).stdout
    assert chinese.startswith("用法：tocsin-check ") and re.findall("--[a-z-]+", chinese) == re.findall("--[a-z-]+", result.stderr)


@pytest.mark.parametrize("name, code, text", [
    ("fail", 13, "the door is\\nlocked"), ("silent", 13, "Permission denied"), ("absent", 95, "no such thing here"),
    ("nothing", 61, "reported nothing"), ("twice", 71, "reported 'twice' twice"), ("early", 71, "before the state"),
    ("positive", 71, "returned 1"), ("nan", 71, "no number")])
def test_what_run_returns(runner, name, code, text):
    h = runner()
    h.expect("ready")
    messages = batch(h, deed(name), deed("echo", "good"))
    got, reason = end(messages, name)
    assert got == code and text in reason
    assert end(messages, "good") == (0, "")


def test_the_first_of_two_states_stands(runner):
    h = runner()
    h.expect("ready")
    assert [f[2:] for f in of(batch(h, deed("twice")), "item")] == [["OK", "first"]]


def test_a_state_that_does_not_exist(runner):
    h = runner()
    h.expect("ready")
    item, = of(batch(h, deed("state")), "item")
    assert item[2] == "UNKNOWN" and "77" in item[3]


@pytest.mark.parametrize("module, text", [
    ("rouge", "did you mean 'rogue'?"), ("nonesuch", "misfit-abi, "), ("../modules/rogue", "there is no check module"),
    ("", "there is no check module"), ("misfit-abi", "interface 99"), ("misfit-size", "newer tocsin-check.h"),
    ("misfit-small", "which no tocsin-check.h ever had"),
    ("misfit-name", "calls itself 'somebody-else'"), ("misfit-offset", "'value' does not lie within"),
    ("misfit-symbol", "does not export tocsin_check_module"), ("garbage", "cannot be loaded"),
    ("empty", "cannot be loaded"), ("folder", "cannot be loaded")])
def test_modules_that_do_not_fit(runner, modules, module, text):
    (modules / "garbage.so").write_bytes(b"\x7fELF and then nothing of the kind\n" * 100)
    (modules / "empty.so").touch()
    (modules / "folder.so").mkdir()
    h = runner(*([module] if module else []))
    h.expect("ready")
    messages = batch(h, ("bad", module, {}), deed("echo", "good"))
    code, reason = end(messages, "bad")
    assert code and text in reason
    assert end(messages, "good") == (0, "")


def test_a_folder_without_modules(runner, tmp_path):
    h = runner(TOCSIN_CHECK_DIR=str(tmp_path / "nowhere"))
    h.expect("ready")
    assert "cannot be read: No such file" in end(batch(h, deed("echo")), "echo")[1]


def test_a_module_that_crashes_when_it_is_loaded(runner):
    h = runner("misfit-constructor", "rogue")
    h.expect("ready")
    ask(h, deed("echo", "first"), ("bad", "misfit-constructor", {}), deed("echo", "after"))
    messages = until_closed(h)
    assert end(messages, "first") == (0, "")
    assert of(messages, "look")[-1] == ["bad", "bad"]
    assert h.wait() == -signal.SIGABRT


@pytest.mark.parametrize("options, text", [
    ({"deed": ["echo", "fail"]}, "deed was given twice"), ({"deed": "sing"}, "deed: 'sing'"),
    ({"deeed": "echo"}, "did you mean 'deed'?"), ({"deed": "sing"}, "'sing'"), ({"number": "101"}, "101"),
    ({"number": "13"}, "13 brings bad luck"), ({"number": ""}, "")])
def test_options_that_do_not_fit(runner, options, text):
    h = runner()
    h.expect("ready")
    messages = batch(h, ("bad", "rogue", options), deed("echo", "good"))
    code, reason = end(messages, "bad")
    assert code in (22, 34) and text in reason
    assert not [f for f in of(messages, "item") if f[0] == "bad"]
    assert end(messages, "good") == (0, "")


@pytest.mark.parametrize("name, status", [("crash", -signal.SIGSEGV), ("exit", 0), ("close", 74)])
def test_modules_that_end_the_process(runner, name, status):
    """Nothing says "done", and the last look says who it was; what was finished before stands."""
    h = runner()
    h.expect("ready")
    ask(h, deed("echo", "first"), deed(name), deed("echo", "after"))
    messages = until_closed(h)
    assert end(messages, "first") == (0, "")
    assert of(messages, "look")[-1] == [name, name]
    assert "done" not in [k for k, _ in messages] and len(of(messages, "end")) == 1
    assert h.wait() == status


def test_a_module_that_hangs_is_announced(runner):
    h = runner()
    h.expect("ready")
    ask(h, deed("hang"))
    assert h.expect("look") == ["hang", "hang"]
    h.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        h.receive()
    assert h.kill() == -signal.SIGKILL


def test_a_module_that_leaks(runner):
    h = runner()
    h.expect("ready")
    messages = batch(h, deed("leak"), deed("leak", "again"))
    assert [f[3] for f in of(messages, "item")] == ["leaked"] * 2
    assert_good(h)


def test_a_module_that_devours_memory(runner):
    if sanitized():
        pytest.skip("AddressSanitizer needs more address space than the limit allows")
    h = runner()
    h.expect("ready")
    assert of(batch(h, deed("devour")), "item")[0][3] == "got NULL"


def test_a_module_that_shares_memory_without_end(runner):
    if sanitized():
        pytest.skip("AddressSanitizer needs more address space than the limit allows")
    h = runner()
    h.expect("ready")
    messages = batch(h, deed("share"), deed("echo", "good"))
    assert of(messages, "item")[0][3] == "got refused" and end(messages, "good") == (0, "")


def test_a_module_that_prints_garbage(runner):
    h = runner()
    h.expect("ready")
    messages = batch(h, deed("garbage"))
    assert [k for k, _ in messages] == ["look", "item", "evidence", "end", "done"]
    assert messages[1][1][3] == "evil \\x1b[31m \\xff\\xfe text\\nX-Header: yes \\u{202e}"
    assert messages[2][1][2:] == ["ti\\ntle", "line\nline \\x07"]
    assert "forged" not in h.stderr()
    assert_good(h)


def test_a_module_that_floods(runner):
    h = runner()
    h.expect("ready")
    messages = batch(h, deed("flood"))
    assert end(messages, "flood") == (0, "")
    first, long_name, other_name = of(messages, "item")
    assert len(first[3].encode()) == TEXT_BYTES and first[3].endswith("x…")
    assert len(long_name[1].encode()) == len(other_name[1].encode()) == ITEM_BYTES
    assert long_name[1] != other_name[1]
    assert len(of(messages, "metric")) == 256
    assert of(messages, "metric")[5] == ["flood", "flood", "m5", "5", "", "", "", "", ""]
    evidence = of(messages, "evidence")
    assert len(evidence) == 32
    assert all(len(f[3].encode()) == EVIDENCE_BYTES and len(f[2].encode()) == 256 for f in evidence)
    assert len(of(messages, "watch")) == 64
    assert h.stderr().count("too much") == 1


def test_a_module_that_leaves_processes_behind(runner):
    h = runner()
    h.expect("ready")
    item, = of(batch(h, deed("fork")), "item")
    assert not pathlib.Path(f"/proc/{int(item[3])}").exists()
    assert_good(h)


def test_a_child_that_comes_back(runner):
    """It is ended before it can speak in the place of its parent."""
    h = runner()
    h.expect("ready")
    messages = batch(h, deed("double"), deed("echo", "good"))
    assert len(of(messages, "item")) == 2 and len(of(messages, "end")) == 2
    h.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        h.receive()


def test_a_module_that_spoils_the_process(runner):
    h = runner()
    h.expect("ready")
    messages = batch(h, deed("spoil"), deed("inspect"))
    item = [f for f in of(messages, "item") if f[0] == "inspect"][0]
    assert item[3] == "blocked 0 ignored 0 umask 077 alarm 0 cwd /"
    metric, = of(messages, "metric")
    assert metric[3:] == ["0.5", "", "", "", "1e-300", "0.33333333333333331"]
    time.sleep(1.1)  # the alarm that was left behind
    assert_good(h)


def test_descriptors(runner):
    """A module finds /dev/null where it might look for the socket."""
    h = runner()
    h.expect("ready")
    links = {fd: os.readlink(f"/proc/{h.process.pid}/fd/{fd}") for fd in (0, 1, 3)}
    assert set(links.values()) == {"/dev/null"}
    assert h.process.poll() is None


def test_the_watch_descriptor_is_the_modules(runner):
    h = runner()
    h.expect("ready")
    ask(h, deed("echo"))
    while True:
        kind, _, fd = h.receive()
        if kind == "watch":
            break
    assert os.readlink(f"/proc/self/fd/{fd}") == "/dev/null"
    assert fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    os.close(fd)
    h.until("done")


def test_many_checks(runner):
    h = runner("rogue")
    h.expect("ready")
    count = 2000
    pid = os.fork()
    if pid == 0:  # both sides block when the socket is full, so somebody else must write
        try:
            ask(h, *(deed("echo", f"c{i}") for i in range(count)))
        finally:
            os._exit(0)
    messages = h.until("done")
    os.waitpid(pid, 0)
    assert len(of(messages, "end")) == count
