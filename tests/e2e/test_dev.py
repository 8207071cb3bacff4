# SPDX-License-Identifier: GPL-3.0-or-later
"""The package tocsin-dev: a newcomer takes header, .pc file, tutorial and examples as they were installed, and his
check works."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from harness import BUILD, program
from test_try import examples

def run(*command, env, cwd=None, status=0):
    r = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, env=env,
                       cwd=cwd)
    assert r.returncode == status, (command, r.stdout, r.stderr)
    return r.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The prefix that make install filled. Only what tocsin-dev is, so that the test is quick."""
    for tool in ("make", "cc", "pkg-config"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    destination = tmp_path_factory.mktemp("installed")
    # The jobserver of the make that runs us is not ours.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    targets = ["install-includeHEADERS", "install-pkgconfigDATA", "install-man7", "install-nobase_dist_devexamplesDATA",
               "install-nobase_dist_devexamplesSCRIPTS"]
    run("make", "-C", BUILD, *targets, f"DESTDIR={destination}", env=env)
    return next(destination.rglob("include")).parent


@pytest.fixture
def newcomer(installed, tmp_path):
    """The environment of somebody with tocsin and tocsin-dev, and a folder of his own with the examples."""
    pc_file, = installed.rglob("tocsin-check.pc")
    prefix = pathlib.Path(pc_file.read_text().splitlines()[0].removeprefix("prefix="))
    sysroot = str(installed).removesuffix(str(prefix))
    folder = tmp_path / "examples"
    shutil.copytree(installed / "share/doc/tocsin-dev/examples", folder)
    env = {**os.environ, "PKG_CONFIG_LIBDIR": str(pc_file.parent), "PKG_CONFIG_SYSROOT_DIR": sysroot,
           "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1",
           "TOCSIN_LIBEXEC_DIR": str(BUILD / "src"), "TOCSIN_CHECK_DIR": str(BUILD / "checks/.libs"),
           "PATH": f"{BUILD / 'src'}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    return env, folder


@pytest.fixture
def page(installed):
    """The literal blocks of the tutorial, by their first words."""
    blocks = examples((installed / "share/man/man7/tocsin-check.7").read_text())
    return {"module": next(b for b in blocks if "tocsin_check_module" in b),
            "plugin": next(b for b in blocks if b.startswith("#!/bin/sh"))}


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    for i in range(3):
        (folder / f"job{i}").touch()
    (folder / ".hidden").touch()
    return folder


def test_the_page_holds_the_examples(page, newcomer):
    _, folder = newcomer
    assert page["module"] == (folder / "waiting.c").read_text()
    assert page["plugin"] == (folder / "check_waiting").read_text()
    assert len(page["module"].splitlines()) < 100


def test_the_module_of_the_page(page, newcomer, spool, tmp_path):
    env, _ = newcomer
    (tmp_path / "waiting.c").write_text(page["module"])
    flags = run("pkg-config", "--cflags", "tocsin-check", env=env).split()
    assert [f for f in flags if f.startswith("-I") and pathlib.Path(f[2:], "tocsin-check.h").exists()], flags
    run("cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", *flags, "-o", "waiting.so", "waiting.c", env=env,
        cwd=tmp_path)
    described = json.loads(run(program("tocsin"), "describe", "--json", "./waiting.so", env=env, cwd=tmp_path))
    assert [o["name"] for o in described["options"]] == ["path", "warning", "critical"]

    def tries(*arguments, status):
        return json.loads(run(program("tocsin"), "try", "--json", "./waiting.so", *arguments, env=env, cwd=tmp_path,
                              status=status))

    item, = tries(f"path={spool}", status=0)["items"]
    assert item["item"] == str(spool) and item["text"] == "3 files wait"
    assert tries(f"path={spool}", "warning=2", status=1)["items"][0]["state"] == "WARNING"
    assert tries(f"path={spool}", "warning=1", "critical=2", status=2)["memories"] == {"files": 3}
    assert "No such file" in tries("path=/nowhere", status=3)["error"]
    assert "path is needed" in tries(status=3)["error"]
    assert "must not be below" in tries("path=/x", "warning=9", "critical=8", status=3)["error"]
    metrics = {m["name"]: m["value"] for m in tries(f"path={spool}", "--again", "50ms", status=0)["items"][0]["metrics"]}
    assert metrics == {"files": 3, "new": 0}


def test_the_plugin_of_the_page(page, newcomer, spool, tmp_path):
    env, _ = newcomer
    plugin = tmp_path / "check_waiting"
    plugin.write_text(page["plugin"])
    plugin.chmod(0o755)
    for limits, status, state in (("10 100", 0, "OK"), ("2 100", 1, "WARNING"), ("1 2", 2, "CRITICAL"), ("", 3, "UNKNOWN")):
        result = json.loads(run(program("tocsin"), "try", "--json", "plugin", f"command={plugin} {spool} {limits}", env=env,
                                status=status))
        item, = result["items"]
        assert item["state"] == state and item["text"].startswith(f"WAITING {state} - ")
        if status < 3:
            assert item["metrics"][0]["name"] == "files" and item["metrics"][0]["value"] == 3
    for job in spool.iterdir():
        job.unlink()
    assert "0 files wait" in run(program("tocsin"), "try", "plugin", f"command={plugin} {spool} 1 2", env=env)


def test_the_makefile_of_the_examples(newcomer, tmp_path):
    env, folder = newcomer
    env = {k: v for k, v in env.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    run("make", "check", env=env, cwd=folder)
    run("make", "install", f"DESTDIR={tmp_path / 'there'}", env=env, cwd=folder)
    assert len(list((tmp_path / "there").rglob("checks/waiting.so"))) == 1
    (folder / "tests/few/spool/two").touch()
    (folder / "tests/few/spool/three").touch()
    assert "few path=/spool warning=2: 1 instead of 0" in run("make", "check", env=env, cwd=folder, status=2)
    run("make", "clean", env=env, cwd=folder)
    assert not (folder / "waiting.so").exists()


def test_the_tutorial_configures(page, installed, newcomer, tmp_path):
    """The sections of the page are right for a daemon that has that module."""
    env, folder = newcomer
    run("make", env=env, cwd=folder)
    blocks = examples((installed / "share/man/man7/tocsin-check.7").read_text())
    sections = [b for b in blocks if b.startswith("[check ")]
    assert len(sections) == 2
    for so in (folder / "waiting.so", BUILD / "checks/.libs/plugin.so"):
        (tmp_path / so.name).symlink_to(so)
    for text in sections:
        config = tmp_path / "tocsin.conf"
        config.write_text(text)
        run(program("tocsind"), "--check-config", "--config", config, env={**env, "TOCSIN_CHECK_DIR": str(tmp_path)})
