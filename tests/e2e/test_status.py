# SPDX-License-Identifier: GPL-3.0-or-later
"""`tocsin status` and its kin on a terminal, seen as a person sees it."""

import json
import os
import re
import signal
import time
import unicodedata

import pytest

pytest.importorskip("pyte", reason="python3-pyte is missing")

import harness  # noqa: E402
from harness import program, wait_until  # noqa: E402
from screen import Screen  # noqa: E402
from test_control import INTERFACE, Client  # noqa: E402
from test_faults import children  # noqa: E402
from test_history import USEC, now, put, put_event, put_incident, state_file, stopped  # noqa: E402, F401 (a fixture)


@pytest.fixture
def show(setup):
    """A function that runs tocsin on a terminal."""
    screens = []

    def start(*arguments, columns=100, rows=24, command=None, **env):
        s = Screen([command or program("tocsin"), *arguments], columns, rows,
                   {"LC_ALL": "C.UTF-8", "TOCSIN_CONTROL": str(setup.control), **env})
        screens.append(s)
        return s

    yield start
    for s in screens:
        s.close()


@pytest.fixture
def meters(setup, tmp_path):
    """Three checks: one that is bad, one whose name is wide, one that is well; each measures something."""
    probes = [harness.Probe(tmp_path, name) for name in ("full", "wide", "well")]
    probes[0].say("CRITICAL", "CRITICAL 数据库 已满: " + "nothing is left, " * 8 + "really | used=97%;80;90;0;100")
    probes[1].say("OK", "OK cafe\u0301 数据库 | load=1;5;10")
    probes[2].say("OK", "OK fine")
    setup.write(*(p.check(confirm=1) for p in probes))
    return probes


@pytest.fixture
def running(setup, daemon, catcher, meters):
    """… with a day of history: 'used' has climbed."""
    d = daemon(setup)
    catcher.wait("started")
    setup.wait_item("full", state="CRITICAL")
    d.stop()
    hour, t = 3600 * USEC, now()
    with state_file(setup) as db:
        for i in range(3, 24):
            begin = t - t % hour - i * hour
            put(db, "sample", hour_usec=begin, check_name="full", item="full", metric="used", unit="%",
                buckets=f"5:{100 - 4 * i}")
    d = daemon(setup)
    wait_until(lambda: setup.item("full")["metrics"] and setup.item("wide")["metrics"], "a look by this daemon")
    return d


def test_a_picture_with_colour_and_charts(running, show):
    s = show("status", columns=110)
    assert s.end() == 2
    lines = s.lines
    assert lines[0].startswith("testhost: CRITICAL (1 CRITICAL, 2 OK)")
    heading = next(line for line in lines if line.startswith("STATE"))
    states = [line.split()[0] for line in lines if line[:8].strip() in ("CRITICAL", "OK")]
    assert states == ["CRITICAL", "OK", "OK"], s.text  # the worst first
    assert s.colour_of("CRITICAL  full") != s.colour_of("OK        well") != "default"
    # The chart climbs, and its end is past the limit.
    row = next(line for line in lines if line.startswith("CRITICAL  full"))
    chart = row[heading.index("24 H"):][:24]
    assert chart[0] == "▁" and chart.rstrip()[-1] == "█"
    assert list("".join(chart.split())) == sorted("".join(chart.split())), s.text
    # A problem is told in whole, in the column that it began in; no line is longer than the terminal.
    at = heading.index("LAST LOOK")
    text = " ".join(line[at:].strip() for line in lines[lines.index(row):] if line[:8].strip() in ("CRITICAL", ""))
    assert "nothing is left, " * 8 + "really" in " ".join(text.split()), s.text


def test_wide_and_combining_characters(running, show):
    s = show("status", columns=100)
    s.end()
    y = next(y for y, line in enumerate(s.lines) if line.startswith("OK        wide"))
    cells = s.screen.buffer[y]
    heading = next(line for line in s.lines if line.startswith("STATE"))
    at = heading.index("LAST LOOK")
    assert cells[at].data == "O"
    # Seven cells and a blank: what combines has none of its own.
    assert unicodedata.normalize("NFD", "".join(cells[x].data for x in range(at, at + 8))) == "OK cafe\u0301 "


@pytest.mark.parametrize("width", [20, 40, 50, 60, 80, 100, 200])
def test_any_width(running, show, width):
    """The terminal wraps nothing: what the program wrote as a line is one on the screen, and nothing is lost."""
    s = show("status", columns=width, rows=200)
    s.end()
    assert s.screen.cursor.y == s.raw.count(b"\n") and s.screen.cursor.x == 0, s.text
    assert "well" in s.text.replace("we…", "well") and "fine" in s.text
    assert width < 40 or "really" in s.text
    if 40 <= width < 60:  # names and age in one line, the text below it
        assert any(line.startswith("CRITICAL full") and line.endswith(("s", "min")) for line in s.lines), s.text
        assert not any(line.startswith("STATE") for line in s.lines)


def test_no_colour(running, show):
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        s = show("status", **env)
        assert s.end() == 2 and b"\x1b[" not in s.raw
    s = show("status", NO_COLOR="")  # https://no-color.org: not when it is empty
    s.end()
    assert b"\x1b[" in s.raw


def test_no_blocks_without_utf8(running, show):
    s = show("status", columns=110, LC_ALL="C")
    s.end()
    row = next(line for line in s.lines if line.startswith("CRITICAL  full"))
    assert "▁" not in row and "_" in row and "#" in row


def test_nothing_is_cut_or_coloured_in_a_pipe(running, setup):
    r = setup.tocsin("status")
    assert r.returncode == 2 and "\x1b" not in r.stdout and "24 H" not in r.stdout
    assert "nothing is left, " * 8 + "really" in r.stdout


def test_charts_by_the_control_socket(running, setup):
    reply = Client(setup).call(f"{INTERFACE}.Charts")["parameters"]
    assert reply["step"] == 3600 and reply["steps"] == 24
    charts = {c["item"]: c for c in reply["charts"]}
    assert set(charts) == {"full", "wide"}  # what measures nothing has none
    full = charts["full"]
    assert full["metric"] == "used" and full["unit"] == "%" and full["points"][-1] == {"step": 23, "min": 97, "max": 97}
    most = {p["step"]: p["max"] for p in full["points"]}
    assert most[0] == 8 and most[20] == 88 and 21 not in most  # the daemon was not there then
    assert [(p["step"], p["max"]) for p in charts["wide"]["points"]] == [(23, 1)]


def test_the_picture_does_not_wait_for_its_charts(running, show):
    """The writer hangs: a second later the picture is there all the same."""
    store = children(running, "tocsin-store")[0]
    os.kill(store, signal.SIGSTOP)
    try:
        began = time.monotonic()
        s = show("status", columns=110)
        assert s.end() == 2
        assert time.monotonic() - began < 10
        assert "24 H" not in s.text and "CRITICAL  full" in s.text
    finally:
        os.kill(store, signal.SIGCONT)


# ---- --watch

def test_watch_follows(running, show, meters, setup):
    s = show("status", "--watch", "--interval", "200ms", columns=100, rows=30)
    s.wait_for("CRITICAL  full")
    assert s.is_raw and s.screen.cursor.hidden
    meters[2].say("CRITICAL", "worse")
    setup.tocsin("check", "well")
    s.wait_for("CRITICAL  well", 90)
    s.key("q")
    assert s.end() == 2
    assert not s.is_raw and not s.screen.cursor.hidden
    assert s.raw.count(b"\x1b[?1049h") == s.raw.count(b"\x1b[?1049l") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_watch_restores_the_terminal(running, show, number):
    s = show("status", "--watch")
    s.wait_for("CRITICAL  full")
    if number == signal.SIGINT:
        s.key("\x03")
    else:
        os.kill(s.pid, number)
    assert s.end() == 2 and not s.is_raw and not s.screen.cursor.hidden and s.raw.endswith(b"\x1b[?25h\x1b[?1049l")


def test_watch_stops_and_comes_back(running, show):
    s = show("status", "--watch", "--interval", "200ms")
    s.wait_for("CRITICAL  full")
    s.key("\x1a")
    s.wait(lambda _: s.raw.count(b"\x1b[?1049l") == 1, "the usual screen")
    wait_until(lambda: open(f"/proc/{s.pid}/stat").read().rpartition(")")[2].split()[0] == "T", "the stop")
    assert not s.is_raw
    os.kill(s.pid, signal.SIGCONT)
    s.wait(lambda _: s.raw.count(b"\x1b[?1049h") == 2 and s.is_raw, "the picture again")
    s.key("q")
    assert s.end() == 2


def test_watch_resizes_and_counts_what_does_not_fit(running, show):
    s = show("status", "--watch", "--interval", "60s", columns=110, rows=30)
    s.wait_for("OK        well")
    s.resize(40, 8)
    s.wait_for("more lines")
    assert len(s.lines[-1]) < 40 and s.lines[-1].startswith("… ")
    assert any(line.startswith("CRITICAL full") for line in s.lines), s.text
    s.resize(110, 30)
    s.wait_for("OK        well")
    assert "more lines" not in s.text
    s.key("q")
    s.end()


def test_watch_outlives_the_daemon(running, show, setup, daemon):
    s = show("status", "--watch", "--interval", "200ms")
    s.wait_for("CRITICAL  full")
    running.stop()
    s.wait_for("does not answer")
    assert "CRITICAL  full" in s.text  # the last that was known
    daemon(setup)
    s.wait(lambda text: "does not answer" not in text and "CRITICAL  full" in text, "the daemon again")
    s.key("q")
    assert s.end() in (2, 3)


def test_watch_is_for_terminals(setup):
    r = setup.tocsin("status", "--watch")
    assert r.returncode == 3 and "terminal" in r.stderr


def test_json_stays_json_on_a_terminal(running, show):
    s = show("status", "--json", columns=200, rows=500)
    assert s.end() == 2
    assert json.loads(s.raw.decode())["state"] == "CRITICAL"


# ---- history

def test_history_has_a_line_for_each_check(stopped, daemon, show):
    day = 86400 * USEC
    begin = now() - 2 * day
    with state_file(stopped) as db:
        put_event(db, begin + day, event="problem", from_state="OK", to_state="CRITICAL")
        put_event(db, begin + day + day // 2, event="recovered", from_state="CRITICAL", to_state="OK")
    daemon(stopped)
    wait_until(lambda: "found" in stopped.tocsin("history", "--check", "victim").stdout, "the first look at victim")
    s = show("history", "--since", "2d", columns=60)
    assert s.end() == 0
    line = next(line for line in s.lines if line.startswith("disks "))
    states = line.split(" ", 1)[1].strip()
    # Well for a day, bad for half a day, and well again for the rest.
    third = states.count("█")
    assert states.strip("▁").strip("█") == "" and 0.2 < third / len(states) < 0.3, line
    assert states.index("█") / len(states) == pytest.approx(0.5, abs=0.05)
    assert s.colour_of("█") == "red"
    assert any(line.rstrip().endswith("now") for line in s.lines)
    piped = stopped.tocsin("history", "--since", "2d").stdout
    assert "█" not in piped and "disks" in piped
    # What was found only now was in no state before.
    victim = next(line for line in s.lines if line.startswith("victim "))
    assert set(victim.split(" ", 1)[1].strip()) == {"▁"} and victim.index("▁") > len(victim) - 6, victim


def test_history_draws_only_what_was_seen(stopped, daemon, show):
    """Before the first look there is nothing, whatever that saw; a test and a silence are no states."""
    begin = now() - 86400 * USEC
    with state_file(stopped) as db:
        put_event(db, begin, check_name="full", item="full", from_state="")
        put_event(db, begin + 1, check_name="good", item="good", event="found", from_state="", to_state="OK")
        put_event(db, begin + 2, check_name="good", item="good", event="test", from_state="OK", to_state="CRITICAL")
        put_event(db, begin + 3, check_name="tested", item="tested", event="test", from_state="OK", to_state="CRITICAL")
        put_event(db, begin + 4, check_name="quiet", item="s1", event="silenced", from_state="OK", to_state="OK")
    daemon(stopped)
    wait_until(lambda: "found" in stopped.tocsin("history", "--check", "victim").stdout, "the first look at victim")
    s = show("history", "--since", "2d", columns=60, rows=40)
    assert s.end() == 0
    at = min(y for y, line in enumerate(s.lines) if line.rstrip().endswith("now"))
    lines = {line.split()[0]: line[8:] for line in s.lines[at + 1:s.lines.index("", at)]}
    assert set(lines) == {"full", "good", "victim"}, s.text
    for name, block in (("full", "█"), ("good", "▁")):
        states = lines[name].strip()
        assert set(states) == {block} and len(states) / 49 == pytest.approx(0.5, abs=0.06), s.text


def test_history_has_a_chart_for_each_item(running, show, setup):
    s = show("history", "--since", "24h", columns=100, rows=60)
    assert s.end() == 0
    used = next(line for line in s.lines if line.startswith("full used "))
    chart, range_ = re.fullmatch(r"full used  +(\S.*?)  (8 % … 97 %, limit 90 %)", used).groups()
    # It climbs from hour to hour, and what is past the limit is red.
    assert "".join(chart.split()) == "".join(sorted("".join(chart.split()))) and chart[0] == "▁" and chart[-1] == "█", s.text
    y = s.lines.index(used)
    assert s.screen.buffer[y][used.index("  8 %") - 1].fg == "red" and s.screen.buffer[y][used.index("▁")].fg == "green"
    axis = s.lines[y - 1]
    assert axis.rstrip().endswith("now") and re.search(r"\d\d:\d\d", axis)
    # Wide measures too, but only since a moment ago; well measures nothing.
    assert any(line.startswith("wide load ") for line in s.lines) and not any(line.startswith("well ") and "…" in line for line in s.lines)
    assert s.screen.cursor.y == s.raw.count(b"\n"), "no line is wider than the terminal"
    # Only what is asked for; without blocks where there are none; and nothing of it for programs.
    chosen = show("history", "--check", "wide", columns=100, LC_ALL="C", TERM="dumb")
    assert chosen.end() == 0
    assert any(line.startswith("wide load ") for line in chosen.lines) and "used" not in chosen.text and "▁" not in chosen.text
    piped = setup.tocsin("history", "--since", "24h")
    assert "limit" not in piped.stdout and "…" not in piped.stdout
    assert set(json.loads(setup.tocsin("history", "--json").stdout)) == {"events", "cut", "unavailable"}


@pytest.mark.parametrize("width", [36, 60, 80, 132])
def test_history_at_any_width(running, show, width):
    s = show("history", "--check", "full", columns=width, rows=100)
    assert s.end() == 0
    assert "full used" in s.text and "8 % … 97 %, limit 90 %" in s.text
    chart = s.lines.index(next(line for line in s.lines if line.startswith("full used")))
    assert len(s.lines[chart]) <= width and len(s.lines[chart - 1]) <= width


@pytest.mark.parametrize("verb", ["history", "incidents"])
def test_tables_of_the_past_fit_80_columns(stopped, daemon, show, verb):
    """A long name is not cut, and no line is left to the terminal to break."""
    long = "/srv/customers/" + "a-long-name/" * 3 + "htdocs"
    with state_file(stopped) as db:
        put_event(db, now() - 60 * USEC, check_name="webroots", item=long)
        put_event(db, now() - 50 * USEC, check_name="webroot", item="webroot", text="also full")
        for number, check, item in ((70001, "webroots", long), (70002, "webroot", "webroot")):
            put_incident(db, number, check_name=check, item=item, closed_usec=now())
    daemon(stopped)
    s = show(verb, *(["--all"] if verb == "incidents" else []), columns=80, rows=60)
    assert s.end() == 0
    assert s.screen.cursor.y == s.raw.count(b"\n"), s.text
    y = next(y for y, line in enumerate(s.lines) if " webroots" in line)
    assert s.lines[y + 1] == f"    {long}: full", s.text
    assert any(line in ("    also full", "    full") for line in s.lines), s.text
    assert "ITEM" not in s.lines[0]
    wide = show(verb, *(["--all"] if verb == "incidents" else []), columns=200, rows=60)
    assert wide.end() == 0
    assert any(re.search(rf" webroots +{long} +full$", line) for line in wide.lines), wide.text


def test_charts_of_history_do_not_keep_anybody_waiting(running, show):
    """What happened is told; the writer hangs from then on."""
    store = children(running, "tocsin-store")[0]
    os.kill(store, signal.SIGSTOP)
    try:
        s = show("history", columns=100)
        assert s.end() == 69 and re.search("did not answer|has not confirmed a write", s.text)
    finally:
        os.kill(store, signal.SIGCONT)


def test_chinese_takes_two_columns(running, show):
    s = show("status", "--language", "zh_CN", columns=110)
    assert s.end() == 2
    y = next(y for y, line in enumerate(s.lines) if line.startswith("状"))
    heading, rows = s.screen.buffer[y], s.screen.buffer

    def column(words, row):
        return next(x for x in range(110) if rows[row][x].data == words)
    last = column("最", y)
    first_row = next(r for r in range(y + 1, 24) if rows[r][0].data == "C")
    # Each heading stands above what it is the heading of.
    assert rows[first_row][column("检", y)].data == "f" and rows[first_row][column("监", y)].data == "f"
    assert rows[first_row][column("2", y)].data == "▁" and rows[first_row][last].data == "C"
    assert heading[0].data == "状" and "小时" in s.text.replace(" ", "")


def test_check_shows_numbers_for_a_person(running, setup, meters):
    meters[2].say("WARNING", "odd | size=80843400000B;1e11;;0 age=101547s share=22%;80;90 n=7c rate=796116B/s odd=U")
    r = setup.tocsin("check", "well")
    assert r.returncode == 1
    lines = [line.strip() for line in r.stdout.splitlines()]
    for line in ("size  = 75.3 GiB, warning 93.1 GiB, min 0 B", "age   = 1 d 4 h", "share = 22 %, warning 80 %, critical 90 %",
                 "n     = 7"):
        assert line in lines, r.stdout


# --- what is wrong

def columns(line):
    return sum((unicodedata.east_asian_width(c) in "WF") + (not unicodedata.combining(c)) for c in line)


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("width", [30, 45])
def test_errors_are_wrapped_on_a_terminal(show, setup, language, width):
    """Not elsewhere, where programs read them."""
    setup.config.write_text("[tocsin]\n" + "nonsense = 1\n" + f"language = {language}\n")
    r = setup.tocsin("config", "--config", setup.config)
    problem = r.stderr.rstrip("\n")
    assert r.returncode == 78 and "\n" not in problem and f"{setup.config}:2: " in problem
    screen = show("-c", f"exec {program('tocsin')} config --config {setup.config} > /dev/null", columns=width, command="/bin/sh",
                  **setup.environment())
    assert screen.end() == 78
    lines = [line for line in screen.lines if line]
    assert len(lines) > 1 and all(columns(line) <= width for line in lines)
    assert all(line.startswith("  ") and line[2] != " " for line in lines[1:])
    assert re.sub(r"\s+", "", "".join(lines)) == re.sub(r"\s+", "", problem)
    screen = show("--language", language, "nonsense", columns=width)
    assert screen.end() == 64 and screen.lines[1].startswith("  ") and all(columns(line) <= width for line in screen.lines)


@pytest.mark.parametrize("language, usage, version", [("en", "Usage: tocsin ", "the version"), ("zh_CN", "用法：tocsin ", "版本")])
def test_help_of_a_verb(setup, language, usage, version):
    """What it takes, and no other's options."""
    def ask(*arguments):
        return setup.tocsin("--language", language, *arguments)
    verbs = re.findall("^  ([a-z-]+)(?: |$)", ask("--help").stdout, re.M)
    assert len(verbs) > 15
    for verb in verbs:
        r = ask(verb, "--help")
        assert r.returncode == 0 and r.stderr == "" and r.stdout.startswith(usage + verb)
        assert version in r.stdout and not re.search("[ \\t]$", r.stdout, re.M)
        named = set(re.findall("--[a-z-]+", r.stdout.split("\n")[0]))
        assert named <= set(re.findall("^ .*?(--[a-z-]+)", r.stdout, re.M)), verb
    assert "--watch" in ask("status", "-h").stdout and "--watch" not in ask("history", "-h").stdout
    assert ask("nonsense", "--help").returncode == 64


@pytest.mark.parametrize("arguments, status", [(["history", "--watch"], 64), (["status", "--since", "2d"], 3), (["config", "--json"], 64)])
def test_an_option_of_another_verb(setup, arguments, status):
    r = setup.tocsin(*arguments)
    assert (r.returncode, r.stdout) == (status, "")
    assert r.stderr == f"tocsin: tocsin {arguments[0]} takes no {arguments[1]}; see tocsin {arguments[0]} --help\n"
