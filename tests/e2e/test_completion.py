# SPDX-License-Identifier: GPL-3.0-or-later
"""Shell completion, by the shells themselves: bash and zsh on a terminal, fish by its own question."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from harness import BUILD

COMPLETION = pathlib.Path(__file__).parents[2] / "conf/completion"


@pytest.fixture
def environment(tmp_path):
    """tocsin in PATH, with one module that has known options, and one that cannot be loaded."""
    modules = tmp_path / "modules"
    modules.mkdir()
    for path in (*BUILD.glob("checks/.libs/[dfm]*.so"), BUILD / "tests/modules/.libs/explosive.so"):
        (modules / path.name).symlink_to(path)
    (tmp_path / "tocsin.conf").write_text("[check first]\ntype = disk\n\n[check second]\ntype = memory\n")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/only-one").touch()
    return {"PATH": f"{BUILD / 'src'}:{os.environ['PATH']}", "TERM": "dumb", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8",
            "TOCSIN_LIBEXEC_DIR": str(BUILD / "src"), "TOCSIN_CHECK_DIR": str(modules)}


def rendered(text):
    """What stands on the screen: shells go back and write over it."""
    lines, line, at = [], [], 0
    for c in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x07", "", text):
        if c == "\n":
            lines.append("".join(line))
            line, at = [], 0
        elif c in "\r\b":
            at = 0 if c == "\r" else max(0, at - 1)
        else:
            line[at:at + 1] = c
            at += 1
    return "\n".join([*lines, "".join(line)])


class Terminal:
    """A shell on a terminal: what is typed, and what then stands there."""

    def __init__(self, command, env):
        self.output = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(env["HOME"])
            os.execvpe(command[0], command, env)

    def send(self, text):
        os.write(self.fd, text.encode())

    def wait(self, pattern, limit=30):
        """Until PATTERN stands on the screen."""
        until = time.monotonic() + limit
        while not re.search(pattern, screen := rendered(self.output.decode(errors="replace"))):
            ready, _, _ = select.select([self.fd], [], [], max(0, until - time.monotonic()))
            assert ready, f"{pattern!r} does not come: {screen}"
            try:
                self.output += os.read(self.fd, 65536)
            except OSError as error:
                raise AssertionError(f"the shell has ended: {screen}") from error

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def bash(env):
    t = Terminal(["bash", "--norc", "--noprofile", "-i"], env)
    t.send(f"PS1='<ready>'; bind 'set enable-bracketed-paste off'; . {COMPLETION}/tocsin.bash; echo source''d\n")
    t.wait("sourced")
    return t


def zsh(env):
    t = Terminal(["zsh", "-f", "-i"], env)
    t.send(f"PS1='<ready>'; unset zle_bracketed_paste; fpath=({COMPLETION} $fpath); autoload -Uz compinit; "
           "compinit -u -D; echo source''d\n")
    t.wait("sourced")
    return t


@pytest.fixture(params=[bash, zsh], ids=["bash", "zsh"])
def shell(request, environment):
    if not shutil.which(request.param.__name__):
        pytest.skip(f"{request.param.__name__} is not installed")
    t = request.param(environment)
    yield t
    t.close()


@pytest.mark.parametrize("typed, completed", [
    ("desc", "describe"), ("describe fil", "describe file"), ("describe disk exclude_", "describe disk exclude_type"),
    ("describe --sections rep", "describe --sections report"), ("try me", "try memory"),
    ("try file kin", "try file kind="), ("try file kind=dir", "try file kind=directory"),
    ("try file path=files/on", "try file path=files/only-one"), ("--config x try --again 5s mou", "--config x try --again 5s mount"),
    ("describe --sect", "describe --sections"), ("check fir", "check first"), ("--language zh", "--language zh_CN")])
def test_on_a_terminal(shell, typed, completed):
    """One candidate is completed: echo shows the whole line then."""
    shell.send("tocsin() { if [ \"$*\" = config ]; then printf '[check first]\\n\\n[check second]\\n'; else command tocsin \"$@\"; fi }\n")
    shell.send("echo begi''n\n")
    shell.wait("begin")
    shell.send(f"tocsin {typed}\t")
    shell.wait(re.escape(completed))


def bash_offers(env, line):
    script = (f". {COMPLETION}/tocsin.bash; COMP_LINE={line!r} COMP_POINT={len(line)}; _tocsin tocsin; "
              "printf '%s\\n' \"${COMPREPLY[@]}\"")
    r = subprocess.run(["bash", "-c", script], env=env, cwd=env["HOME"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0 and r.stderr == "", r.stderr
    return r.stdout.split()


def fish_offers(env, line):
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    r = subprocess.run(["fish", "--no-config", "-c", f"source {COMPLETION}/tocsin.fish; complete -C '{line}'"], env=env,
                       cwd=env["HOME"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0 and r.stderr == "", r.stderr
    return [offer.split("\t")[0] for offer in r.stdout.splitlines()]


@pytest.mark.parametrize("offers", [bash_offers, fish_offers])
def test_what_is_offered(offers, environment):
    def asked(*arguments):
        out = subprocess.run(["tocsin", *arguments], env=environment, capture_output=True, text=True, timeout=60).stdout
        return [line.split("\t")[0] for line in out.splitlines()]

    verbs = re.findall(r"^  ([a-z-]+)(?: |$)", "\n".join(asked("--help")), re.M)
    assert len(verbs) > 5 and sorted(offers(environment, "tocsin ")) == sorted(verbs)
    modules = asked("describe", "--words")
    assert "disk" in modules and "explosive" not in modules
    assert sorted(offers(environment, "tocsin describe ")) == sorted(modules)
    assert set(modules) <= set(offers(environment, "tocsin try "))
    options = asked("describe", "--words", "disk")
    assert sorted(offers(environment, "tocsin try disk ")) == sorted(f"{o}=" for o in options)
    assert sorted(offers(environment, "tocsin describe disk ")) == sorted(options)
    assert sorted(offers(environment, "tocsin --language ")) == ["en", "zh_CN"]
    assert {"--json", "--again"} <= set(offers(environment, "tocsin try --"))
    assert offers(environment, "tocsin try nonsense ") == []


@pytest.mark.parametrize("offers", [bash_offers, fish_offers])
def test_what_is_offered_in_chinese(offers, environment):
    """The words come from a help that is translated; what can be typed is the same."""
    chinese = {**environment, "TOCSIN_LANGUAGE": "zh_CN"}
    for line in ("tocsin ", "tocsin --", "tocsin describe ", "tocsin --config x try --again 5s mou"):
        assert sorted(offers(chinese, line)) == sorted(offers(environment, line)) != []


def test_it_harms_nobody_without_tocsin(environment):
    assert bash_offers({**environment, "PATH": "/usr/bin:/bin"}, "tocsin describe ") == []
