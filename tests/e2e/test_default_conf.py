# SPDX-License-Identifier: GPL-3.0-or-later
"""The packaged configuration watches a host that nobody has told anything about, and mails nothing about it that is not so.
Here that host is the machine of the tests, looked at every second, and a single bad look would be mailed."""
import json
import os
import pathlib
import re
import subprocess
import time

import pytest

PACKAGED = pathlib.Path(__file__).parents[2] / "conf" / "tocsin.conf"
LOOKS = 8

# This machine builds, fills its disk and waits for its owner's restart. Everything else is as it is packaged.
HERE = """
[tocsin]
host = testhost
interval = 1s
[alert]
confirm = 1
unknown_confirm = 1
recover = 1
retry_interval = 1s
group_wait = 0
[check load]
load5_warning = 1000
load5_critical = 1000
load15_warning = 1000
load15_critical = 1000
[check disk]
warning = 99%
critical = 100%
[check reboot]
required_warning = 3650d
"""


def failed_units():
    """A machine that is not well is to be alerted about."""
    if not os.path.isdir("/run/systemd/system"):
        return ""
    return subprocess.run(["systemctl", "list-units", "--failed", "--plain", "--no-legend"], capture_output=True, text=True).stdout


def start_packaged(setup, daemon, catcher, more=""):
    """The packaged file as it is, and what is different here as an administrator would write it, in conf.d."""
    setup.config.write_text(PACKAGED.read_text())
    (setup.folder / "conf.d").mkdir()
    mail = "".join(f"{k} = {v}\n" for k, v in setup.mail.items())
    (setup.folder / "conf.d" / "here.conf").write_text(f"[mail]\n{mail}{HERE}{more}")
    daemon(setup, prefix=("sh", "-c", 'exec "$@" --conf-dir "$0"', setup.folder / "conf.d"))
    return catcher.wait(r"^\[testhost\] monitoring started")


def test_quiet(setup, daemon, catcher):
    if failed_units():
        pytest.skip(f"units of this machine have failed: {failed_units()}")
    first = start_packaged(setup, daemon, catcher)
    time.sleep(LOOKS)
    items = json.loads(setup.tocsin("status", "--json").stdout)["items"]
    seen = [(i["check"], i["item"], i["state"] or i["not_applicable"], i["text"]) for i in items]
    checks = re.findall(r"(?m)^\[check (.*)\]$", PACKAGED.read_text())
    assert [m.subject for m in catcher.mails] == [first.subject], seen
    assert {i["check"] for i in items} == set(checks) and len(checks) >= 8
    assert all(i["not_applicable"] or (i["state"] == i["last_state"] == "OK" and i["last_look"]) for i in items), seen
    assert {"load", "memory", "disk", "reboot"} <= {i["check"] for i in items if i["state"] == "OK"}, seen


def test_not_asleep(setup, daemon, catcher):
    """The same looks do tell what is so."""
    start_packaged(setup, daemon, catcher, "[check memory]\navailable_warning = 100%\n")
    assert "memory" in catcher.wait(r"WARNING memory").text
