# SPDX-License-Identifier: GPL-3.0-or-later
"""tocsin describe and tocsin try: what is said of modules and sections, and one look without a daemon."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from harness import BUILD, program

SOURCE = pathlib.Path(__file__).parents[2]
FIXTURES = SOURCE / "tests/fixtures"
MODULES = sorted(p.stem for p in (SOURCE / "checks").glob("*.c"))


@pytest.fixture
def folder(tmp_path):
    """All modules, those for tests too."""
    for path in (*BUILD.glob("checks/.libs/*.so"), *BUILD.glob("tests/modules/.libs/*.so")):
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def environment(checks):
    return {**os.environ, "TOCSIN_LIBEXEC_DIR": str(BUILD / "src"), "TOCSIN_CHECK_DIR": str(checks), "LC_ALL": "C.UTF-8"}


def tocsin(*arguments, checks=BUILD / "checks/.libs", status=0, cwd=None):
    r = subprocess.run([program("tocsin"), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, timeout=60, env=environment(checks), cwd=cwd)
    assert r.returncode == status, (r.stdout, r.stderr)
    return r


def data(*arguments, **more):
    return json.loads(tocsin(*arguments, "--json", **more).stdout)


# --- describe

def test_all_modules_are_listed():
    lines = tocsin("describe").stdout.splitlines()
    assert [line.split()[0] for line in lines] == MODULES
    assert all(len(line.split()) > 3 and len(line) < 80 for line in lines)
    assert [m["name"] for m in data("describe")] == MODULES


def test_every_option_has_what_the_manual_needs():
    """Names that are words of the file, a help sentence without its period, and a default that is within its bounds."""
    for module in data("describe"):
        assert re.fullmatch(r"[A-Z][^.]+", module["summary"]), module
        for option in module["options"]:
            where = f"{module['name']}.{option['name']}"
            assert re.fullmatch(r"[a-z][a-z0-9_]*", option["name"]), where
            assert re.fullmatch(r"[A-Z].*[^.\s]", option["help"]) and "  " not in option["help"], where
            assert option["expects"] and option["type"] in (
                "bool", "int", "number", "duration", "size", "percent", "limit", "string", "path", "choice", "list"), where
            assert bool(option["choices"]) == (option["type"] == "choice"), where


def test_one_module_as_data():
    sample = data("describe", "sample", checks=BUILD / "tests/modules/.libs")
    assert sample["flags"] == ["event", "steady"] and sample["summary"] == "a module for tests"
    rows = {o["name"]: o for o in sample["options"]}
    assert rows["warning"] == {
        "name": "warning", "type": "limit", "expects": "a percentage, a size or a number, like 90%, 10G or 4",
        "default": "80%", "min": "0%", "max": "100%", "choices": [], "help": "A limit"}
    assert rows["user"]["default"] is None and rows["user"]["min"] is None
    assert rows["path"]["type"] == "list" and rows["deep"]["type"] == "bool"


def test_one_module_as_text():
    text = tocsin("describe", "tcp").stdout
    assert text.startswith("tcp: A server that takes connections")
    assert "process of its own" in text
    assert re.search(r"\n  answer_timeout = 8s\n(      .*\n)+      Expects a duration, like 90s or 5m; from 10ms to 1h\.\n", text)
    assert max(map(len, text.splitlines())) <= 80
    assert "One bad look is proof" in tocsin("describe", "process").stdout


def test_one_option():
    assert data("describe", "file", "kind")["choices"] == ["any", "file", "directory", "socket", "device"]
    assert "there is no option 'kinds'" in tocsin("describe", "file", "kinds", status=78).stderr


def test_words_for_shells():
    names = [line.split("\t")[0] for line in tocsin("describe", "--words").stdout.splitlines()]
    assert names == MODULES
    assert "kind\tWhat it must be" in tocsin("describe", "--words", "file").stdout.splitlines()
    assert tocsin("describe", "--words", "mount", "access").stdout == "any\t\nrw\t\nro\t\n"
    assert tocsin("describe", "--words", "load", "per_cpu").stdout == "yes\t\nno\t\n"


def test_what_is_no_module(folder):
    assert "did you mean 'disk'?" in tocsin("describe", "dsik", status=78).stderr
    (folder / "garbage.so").write_bytes(b"\x7fELF and then nothing of the kind\n" * 100)
    listed = tocsin("describe", checks=folder, status=78)
    assert set(MODULES) < {line.split()[0] for line in listed.stdout.splitlines()}
    assert "explosive: the module crashes or hangs" in listed.stderr and "garbage.so cannot be loaded" in listed.stderr
    assert "No such file" in tocsin("describe", checks=folder / "nowhere", status=78).stderr


def test_a_module_by_the_path_of_its_file():
    path = BUILD / "tests/modules/.libs/sample.so"
    assert data("describe", path)["name"] == "sample"
    assert data("describe", "./sample.so", cwd=path.parent)["name"] == "sample"
    assert "ends in .so" in tocsin("describe", "./sample", cwd=path.parent, status=64).stderr


def manual_sections():
    """{section: set of keys} as tocsin.conf(5) has them."""
    found, section = {}, None
    for line in (SOURCE / "conf/tocsin.conf.5").read_text().splitlines():
        if line.startswith((".Ss ", ".Sh ")):
            name = re.search(r"\[(\w+)", line)
            section = found.setdefault(name.group(1), set()) if name else None
        elif line.startswith(".It Cm ") and section is not None:
            section |= {word for word in line.split()[2:] if word != ","}
    return found


def test_the_manual_is_true_to_the_tables():
    sections = {s["name"]: {o["name"] for o in s["options"]} for s in data("describe", "--sections")}
    sections["check"] -= sections["alert"]
    assert manual_sections() == sections
    assert {o["name"]: o["default"] for o in data("describe", "--sections", "alert")["options"]}["group_wait"] == "2s"
    assert "there is no section 'mial'" in tocsin("describe", "--sections", "mial", status=78).stderr


def test_the_manual_names_every_module():
    text = (SOURCE / "conf/tocsin.conf.5").read_text()
    assert set(re.findall(r"^\.It Li (\w+)$", text, re.M)) == set(MODULES)


# --- try

def test_a_good_look():
    r = tocsin("try", "--root", FIXTURES / "load/good", "load")
    assert re.search(r"^OK +load: load 0\.42, 0\.40, 0\.35 on 4 processors$", r.stdout, re.M)
    assert re.search(r"^    load5 += 0\.1, warning 5, critical 10, min 0$", r.stdout, re.M)
    assert re.search(r"^took +[\d.]+ ms$", r.stdout, re.M) and r.stderr == ""


@pytest.mark.parametrize("options, status, state", [
    ([], 0, "OK"), (["load1_warning=0.1"], 1, "WARNING"), (["load1_critical=0.1"], 2, "CRITICAL"),
    (["load1_warning=x"], 3, "UNKNOWN")])
def test_exit_status_of_a_plugin(options, status, state):
    r = tocsin("try", "--root", FIXTURES / "load/good", "load", *options, status=status)
    assert r.stdout.startswith(state)
    assert data("try", "--root", FIXTURES / "load/good", "load", *options, status=status)["check"] == "load"


def test_everything_of_a_look_as_data(tmp_path):
    (tmp_path / "pid").write_text(str(os.getpid()))
    result = data("try", "process", f"pidfile={tmp_path / 'pid'}")
    item, = result["items"]
    assert item["state"] == "OK" and item["item"] == "process" and result["error"] is None
    assert {"name", "value", "unit", "warning", "critical", "min", "max"} == set(item["metrics"][0])
    assert {"what": f"anon_inode:[pidfd] of process {os.getpid()}", "events": "POLLIN"} in result["watches"]
    assert result["memories"]["pid"] == os.getpid() and 0 < result["elapsed"] < 60


def test_evidence_is_shown():
    r = tocsin("try", "disk", "path=/", "warning=0%", "critical=100%", "inodes_critical=0%", status=1)
    assert "    The file system:\n      device: " in r.stdout


@pytest.mark.parametrize("options, text", [
    (["pidfille=/x"], "did you mean 'pidfile'?"), (["pidfile=x"], "pidfile: 'x' is no absolute path"),
    (["min=-1", "name=x"], "min: '-1' is out of range: expected a whole number from 0 to 1000000"),
    (["name=a", "name=b"], "name was given twice"), ([], "one of pidfile")])
def test_wrong_options(options, text):
    assert text in tocsin("try", "process", *options, status=3).stdout


@pytest.mark.parametrize("argument, text", [
    ("nonsense", "expected KEY=VALUE"), ("=x", "expected KEY=VALUE"), ("timeout=soon", "timeout: 'soon' is no duration"),
    ("timeout=9999d", "from 100ms to 1h")])
def test_wrong_arguments(argument, text):
    assert text in tocsin("try", "load", argument, status=3).stderr


def test_a_list_takes_several(folder):
    r = tocsin("try", "rogue", "deed=echo", "word=x", "word=y", checks=folder)
    assert "words 2 first x" in r.stdout


def test_again_gets_what_was_remembered(folder):
    """Each echo remembers one more than it recalled."""
    once = data("try", "rogue", "deed=echo", checks=folder)["memories"]["key"]
    assert data("try", "rogue", "deed=echo", "--again", "50ms", checks=folder)["memories"]["key"] == once + 1
    assert "% busy" in tocsin("try", "cpu", "--again", "200ms", "usage_warning=0%", "iowait_warning=0%",
                              "iowait_critical=0%", "steal_warning=0%", "steal_critical=0%").stdout
    assert "expected a time" in tocsin("try", "cpu", "--again", "soon", status=64).stderr


@pytest.mark.parametrize("deed, text", [
    ("crash", "crashed (SIGSEGV"), ("exit", "ended by itself with exit status 0"), ("fail", "the door is\\nlocked"),
    ("close", "while it looked at rogue"), ("nothing", "reported nothing")])
def test_modules_that_fail(folder, deed, text):
    assert text in tocsin("try", "rogue", f"deed={deed}", checks=folder, status=3).stdout


def test_garbage_does_not_reach_the_terminal(folder):
    r = tocsin("try", "rogue", "deed=garbage", checks=folder)
    assert "evil \\x1b[31m" in r.stdout and "\x1b" not in r.stdout and "forged" not in r.stdout + r.stderr


def strays(mark):
    """Processes that have MARK in their environment."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


def wait_for(condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_module_that_hangs_leaves_nothing(folder):
    r = tocsin("try", "hang", "timeout=1s", checks=folder, status=3)
    assert "gave no answer within its time limit and was killed while it looked at hang" in r.stdout
    wait_for(lambda: not strays(f"TOCSIN_CHECK_DIR={folder}"))


def test_interrupted(folder):
    process = subprocess.Popen([program("tocsin"), "try", "hang"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               text=True, env=environment(folder))
    mark = f"TOCSIN_CHECK_DIR={folder}"
    wait_for(lambda: len(strays(mark)) >= 3)  # tocsin, tocsin-check and the child of the module
    process.send_signal(signal.SIGINT)
    assert "was interrupted" in process.communicate(timeout=20)[0] and process.returncode == 3
    wait_for(lambda: not strays(mark))


def test_direct_check_shows_the_same(tmp_path):
    config = tmp_path / "tocsin.conf"
    config.write_text("[check here]\ntype = load\nload1_critical = 10000\n"
                      "load5_warning = 0\nload5_critical = 0\nload15_warning = 0\nload15_critical = 0\n")
    r = tocsin("--config", config, "check", "here", "--direct", status=0)
    assert "OK" in r.stdout and "critical 10000" in r.stdout and "took" in r.stdout
    assert data("--config", config, "check", "here", "--direct")["items"][0]["check"] == "here"


# --- manual pages of the checks

def page(module):
    return (SOURCE / f"checks/{module}.7.in").read_text()


def examples(text):
    """The literal blocks, as they look on the screen."""
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", text, re.M | re.S)
    return [re.sub(r"\\e", r"\\", re.sub(r"\\&", "", b)) for b in blocks]


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_the_manual_are_right(module, tmp_path):
    found = [e for e in examples(page(module)) if f"type = {module}\n" in e]
    assert found
    config = tmp_path / "tocsin.conf"
    config.write_text("[mail]\nserver = localhost\nfrom = a@example.org\nto = a@example.org\n\n" + "\n".join(found))
    r = subprocess.run([program("tocsind"), "--check-config", "--config", str(config)], capture_output=True, text=True,
                       env=environment(BUILD / "checks/.libs"), timeout=60)
    assert r.returncode == 0 and "error" not in r.stderr and "warning" not in r.stderr, r.stderr


@pytest.mark.parametrize("module, options", [
    ("cpu", ["--again", "200ms"]), ("disk", ["path=/", "--again", "100ms"]), ("load", []), ("memory", []), ("pressure", []),
    ("process", ["name=python3", "min=0"]), ("file", ["path=/etc/passwd", "--again", "100ms"])])
def test_metrics_are_in_the_manual(module, options):
    r = subprocess.run([program("tocsin"), "try", module, *options, "--json"], capture_output=True, text=True, timeout=60,
                       env=environment(BUILD / "checks/.libs"))
    result = json.loads(r.stdout)
    if result.get("not_applicable"):
        pytest.skip(result["error"])
    names = {m["name"] for item in result["items"] for m in item["metrics"]}
    assert names, result
    section = re.search(r"^\.Sh METRICS\n(.*?)^\.Sh ", page(module), re.M | re.S).group(1)
    assert names <= set(re.findall(r"\w+", " ".join(re.findall(r"^\.It Cm (.*)$", section, re.M))))
