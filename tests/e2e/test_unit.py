# SPDX-License-Identifier: GPL-3.0-or-later
"""The check "unit". What needs a booted systemd stands in unit_booted.py and runs in the container of tests/system."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from test_checks import MODULES, PROGRAM, run

HERE = pathlib.Path(__file__).resolve().parent
CONTAINER = HERE.parent / "system" / "container"


def test_a_recorded_tree():
    r = run("load/good", "unit")
    assert r.code == 95 and "recorded tree" in r.reason


@pytest.mark.skipif(os.path.isdir("/run/systemd/system"), reason="this host was started by systemd")
def test_without_systemd():
    r = run(None, "unit")
    assert r.code == 95 and r.items == {} and r.reason == "this host was not started by systemd"


@pytest.mark.parametrize("options, why", [
    ({"unit": "nginx*"}, "name of one unit"), ({"unit": "a/b"}, "name of one unit"), ({"unit": "x" * 300}, "name of one unit"),
    ({"unit": ["a", "b", "a"]}, "twice"), ({"unit": ["a", "a.service"]}, "twice"), ({"restarts_warning": "11"}, "10"),
    ({"restarts_window": "0s"}, ""), ({"overdue": "-1s"}, ""), ({"triggered_within": "366d"}, "")])
def test_wrong_options(options, why):
    r = run(None, "unit", options)
    assert r.code in (22, 34) and why in r.reason


def test_in_a_container(tmp_path):
    (tmp_path / "checks").mkdir()
    shutil.copy(PROGRAM, tmp_path / "tocsin-check")
    shutil.copy(MODULES / "unit.so", tmp_path / "checks")
    shutil.copy(MODULES / "plugin.so", tmp_path / "checks")
    shutil.copy(MODULES / "journal.so", tmp_path / "checks")
    shutil.copytree(HERE, tmp_path / "e2e", ignore=shutil.ignore_patterns("__pycache__"))
    tmp_path.chmod(0o755)
    done = subprocess.run(
        [CONTAINER, tmp_path, "env", "TOCSIN_LIBEXEC_DIR=/run/test", "TOCSIN_CHECK_DIR=/run/test/checks",
         "PYTHONDONTWRITEBYTECODE=1", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp=/run/pytest",
         "/run/test/e2e/unit_booted.py", "/run/test/e2e/journal_booted.py"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    if done.returncode in (77, 125):  # not allowed, or systemd does not boot here
        pytest.skip(" ".join(done.stdout.split()[-30:]))
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout and "skipped" not in done.stdout
