# SPDX-License-Identifier: GPL-3.0-or-later
"""Check modules and the runner of another version: today's modules in the runner of tomorrow, whose structures have
grown at their ends, and tomorrow's modules in the runner of today.

The header of tomorrow is that of today with a member more in each structure; the runner of tomorrow is built with it."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

import helper
from harness import BUILD, program

SOURCE = pathlib.Path(__file__).parents[2]
NEWER = "\tconst char *future; /* only in the header of tomorrow */\n"


def sanitized():
    return b"__asan_init" in (BUILD / "src/tocsin-check").read_bytes()


def grow(header):
    """Each structure that a module defines gets one member more."""
    for last in ("\tint (*run)(struct tocsin_run *run, const void *config);\n",
                 "\tconst char *help; /* one sentence without its final period */\n"):
        assert header.count(last) == 1
        header = header.replace(last, last + NEWER)
    return header


def compile_with(*arguments, cwd):
    flags = ["-fsanitize=address,undefined"] if sanitized() else []
    r = subprocess.run(["cc", "-std=gnu11", "-O0", f"-I{BUILD / 'po'}", *flags, *map(str, arguments)],
                       cwd=cwd, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    assert r.returncode == 0, r.stderr
    return r.stdout


@pytest.fixture(scope="module")
def tomorrow(tmp_path_factory):
    """A folder with the sources and the runner of tomorrow."""
    if not shutil.which("cc"):
        pytest.skip("there is no compiler")
    folder = tmp_path_factory.mktemp("tomorrow")
    shutil.copytree(SOURCE / "src", folder / "src", copy_function=shutil.copy)
    header = folder / "src/tocsin-check.h"
    header.chmod(0o644)
    header.write_text(grow(header.read_text()))
    # A runner that wants to see the new members: zero in a module of today.
    module = folder / "src/module.c"
    module.chmod(0o644)
    text = module.read_text()
    call = "\tr = check_content("
    assert text.count(call) == 1
    module.write_text(text.replace(call, '\tif (m->future || (m->options && m->options->future))\n\t\treturn module_refuse('
                                         '-EPROTO, ret_error, "%s has a future", name);\n' + call))
    link_runner(folder)
    return folder


def link_runner(folder):
    """What sees the header is compiled anew; the rest is as it was built."""
    sources = [p for p in (folder / "src").glob("*.c") if not p.name.startswith(("cli-", "daemon", "tocsin", "translate-module"))]
    anew = [p.name for p in sources if "tocsin-check.h" in compile_with("-MM", p, cwd=folder)]
    compile_with("-c", "-include", BUILD / "config.h", '-DCHECKDIR="/nowhere"', '-DLIBEXECDIR="/nowhere"',
                 '-DSYSCONFDIR="/nowhere"', '-DLOCALSTATEDIR="/nowhere"', *anew, "tocsin-check.c", cwd=folder / "src")
    subprocess.run(["ar", "rcs", "../new.a", *(f"{name[:-2]}.o" for name in anew)], cwd=folder / "src", check=True)
    compile_with("-o", "tocsin-check", "src/tocsin-check.o", "new.a", BUILD / "src/libtocsin.a", "-rdynamic", "-linih", "-lm", "-ldl",
                 cwd=folder)


def tocsin(*arguments, libexec, checks, status=0):
    env = {**os.environ, "TOCSIN_LIBEXEC_DIR": str(libexec), "TOCSIN_CHECK_DIR": str(checks), "ASAN_OPTIONS": "detect_leaks=0",
           "LC_ALL": "C.UTF-8"}
    r = subprocess.run([program("tocsin"), *map(str, arguments), "--json"], capture_output=True, text=True, timeout=60, env=env,
                       stdin=subprocess.DEVNULL)
    assert r.returncode == status, (r.stdout, r.stderr)
    return json.loads(r.stdout)


def test_modules_of_today_in_the_runner_of_tomorrow(tomorrow):
    described = tocsin("describe", libexec=tomorrow, checks=BUILD / "checks/.libs")
    assert described == tocsin("describe", libexec=BUILD / "src", checks=BUILD / "checks/.libs")
    assert len(described) == len(list((SOURCE / "checks").glob("*.c")))
    fixtures = SOURCE / "tests/fixtures"
    item, = tocsin("try", "--root", fixtures / "load/good", "load", "load1_critical=0.1", libexec=tomorrow,
                   checks=BUILD / "checks/.libs", status=2)["items"]
    assert item["text"].startswith("load1 is 0.10 for each processor (limit 0.1)")


def test_an_older_module_and_its_options(tomorrow):
    """Two checks of one batch use one copy; wrong options are told."""
    modules = BUILD / "tests/modules/.libs"
    assert "did you mean 'number'?" in tocsin("try", "rogue", "numbr=1", libexec=tomorrow, checks=modules, status=3)["error"]
    env = {"TOCSIN_CHECK_DIR": str(modules), "ASAN_OPTIONS": "detect_leaks=0"}
    with helper.Helper.start(tomorrow / "tocsin-check", env=env) as h:
        h.expect("ready")
        for name in "ab":
            h.send("check", name, "rogue", 10_000_000)
            h.send("option", name, "number", "5")
            h.send("option", name, "word", "x")
        h.send("run", "")
        items = [fields for kind, fields in h.until("done") if kind == "item"]
    assert [f[0] for f in items] == ["a", "b"] and all(f[3].startswith("n 5 words 1 first x") for f in items)


@pytest.fixture(scope="module")
def modules_of_tomorrow(tomorrow):
    folder = tomorrow / "modules"
    folder.mkdir()
    for name in ("sample", "rogue"):
        compile_with("-shared", "-fPIC", "-I../src", "-o", f"{name}.so", "-include", BUILD / "config.h",
                     SOURCE / f"tests/modules/{name}.c", cwd=folder)
    text = (SOURCE / "tests/modules/sample.c").read_text()
    (folder / "caller.c").write_text(text.replace("\treturn 0;", "\treturn tocsin_tomorrow(r);", 1).replace(
        "struct config {", "int tocsin_tomorrow(struct tocsin_run *run);\n\nstruct config {", 1))
    compile_with("-shared", "-fPIC", "-I", SOURCE / "src", "-include", BUILD / "config.h", "-o", "caller.so", "caller.c", cwd=folder)
    return folder


def test_modules_of_tomorrow_in_their_runner(tomorrow, modules_of_tomorrow):
    assert tocsin("describe", "sample", libexec=tomorrow, checks=modules_of_tomorrow)["name"] == "sample"
    assert tocsin("try", "rogue", "deed=echo", libexec=tomorrow, checks=modules_of_tomorrow)["items"][0]["state"] == "OK"


def test_modules_of_tomorrow_in_the_runner_of_today(modules_of_tomorrow):
    error = tocsin("try", "rogue", "deed=echo", libexec=BUILD / "src", checks=modules_of_tomorrow, status=3)["error"]
    assert "was built with a newer tocsin-check.h" in error and error.endswith("it needs a newer tocsin")


def test_a_function_of_tomorrow(modules_of_tomorrow):
    error = tocsin("try", "caller", libexec=BUILD / "src", checks=modules_of_tomorrow, status=3)["error"]
    assert "undefined symbol: tocsin_tomorrow, which a newer tocsin may have" in error
