# SPDX-License-Identifier: GPL-3.0-or-later
"""What `tocsin doctor` says of the service, where systemd runs. test_doctor.py runs this file in a container."""
import json
import os
import pathlib
import subprocess

UNIT = pathlib.Path("/etc/systemd/system/tocsin.service")


def systemctl(*args):
    subprocess.run(["systemctl", *args], stdin=subprocess.DEVNULL, check=False, timeout=60)


def service():
    """The findings about the service: (state, text)."""
    r = subprocess.run(["/run/test/tocsin", "doctor", "--json", "--config", "/run/test/tocsin.conf"], capture_output=True,
                       text=True, timeout=60, env=os.environ)
    return [(f["state"], f["text"], f["remedy"]) for f in json.loads(r.stdout)["findings"] if f["subject"] == "service"]


def test_from_missing_to_well():
    (state, text, remedy), (at_boot, why, _) = service()
    assert state == "CRITICAL" and "no unit of this name" in text and "systemctl enable --now tocsin" in remedy
    assert at_boot == "UNKNOWN" and why
    UNIT.write_text("[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n")
    systemctl("daemon-reload")
    (state, text, _), (at_boot, why, remedy) = service()
    assert state == "CRITICAL" and "not running" in text
    assert at_boot == "WARNING" and "disabled" in why and remedy == "systemctl enable tocsin"
    systemctl("enable", "--now", "tocsin.service")
    (state, text, _), (at_boot, why, _) = service()
    assert state == "OK" and text.startswith("active (running)") and (at_boot, why) == ("OK", "it is started at boot")
