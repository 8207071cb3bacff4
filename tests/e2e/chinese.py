# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a look in Chinese is the same look, and nothing of it was left in English.

Not a test: test_checks.run() asks it for each look at a recorded tree, whichever test makes it.
"""
import os
import re

import pytest

CHINESE = re.compile("[\u4e00-\u9fff]")

# Texts of items, and evidence, that hold nothing but data; and those that other programs wrote.
DATA_ITEMS = {
    "mount": r"\S+, \S+, r[ow]",
    "plugin": r"(?s).*",
    "pressure": r"some \S+ %(，full \S+ %)?（avg\d+）",
}
QUOTED = {"journal": r": .*"}  # what an item's text repeats of what it found
DATA_TITLES = {"/etc/resolv.conf", "/proc/mdstat"}
DATA_EVIDENCE = DATA_TITLES | {
    "All sensors and fans of this chip",
    "Block devices that are there",
    "Packages on hold",
    "Packages that are only half installed (dpkg --configure -a)",
    "Packages that want a restart",
    "Planned",
    "Pressure (share of time in which work had to wait)",
    "Processes that hold most memory (resident and swapped out)",
    "Processes that use most CPU (100 % is one processor)",
    "Processes that used most CPU",
    "The file (permissions, user:group, size, changed)",
    "Security updates that are pending",
    "The interface (counters since it is there)",
    "The last of them, newest first",
    "The other interfaces",
    "The oldest mails in the queue",
    "Updates that are pending",
    "Waiting for a disk or file server (state D)",
    "What it counts",  # of NVMe
}
# What the C library and other programs say stands within our sentences as it is.
FOREIGN = re.compile("|".join(sorted((re.escape(os.strerror(n)) for n in range(1, 134)), key=len, reverse=True)) +
                     "|Connect to the Postfix showq service|Queue report unavailable - mail system is down|no load today"
                     "|btrfs device stats|Unable to correct problems, you have held broken packages|smartctl stand-in: nothing is recorded for")
ENGLISH = re.compile(r"\b[a-z]+ [a-z]+ [a-z]+\b")


def is_translated(text):
    """Our words are Chinese: some are, and no three English ones stand in a row."""
    own = FOREIGN.sub("", text)
    return bool(CHINESE.search(own)) and not ENGLISH.search(own)


def same_numbers(ours, theirs):
    """Fields of a metric; what is an age may have grown between the looks."""
    return all(a == b or float(a) == pytest.approx(float(b), rel=1e-3, abs=1) for a, b in zip(ours, theirs, strict=True))


def check(module, en, zh_CN):
    """EN and ZH_CN are what one and the same look said in either language."""
    english, chinese = en, zh_CN
    assert chinese.code == english.code
    assert {i: state for i, (state, _) in chinese.items.items()} == {i: state for i, (state, _) in english.items.items()}
    assert chinese.metrics.keys() == english.metrics.keys()
    for key, fields in english.metrics.items():
        assert fields[1] == chinese.metrics[key][1], key
        assert same_numbers(fields[:1] + fields[2:], chinese.metrics[key][:1] + chinese.metrics[key][2:]), key
    if english.reason:
        assert is_translated(chinese.reason) or FOREIGN.fullmatch(english.reason), chinese.reason
    for item, (_, text) in chinese.items.items():
        own = re.sub(QUOTED.get(module, "(?!)"), "", text)
        assert is_translated(own) or re.fullmatch(DATA_ITEMS.get(module, "(?!)"), text), (item, text)
    assert [item for item, _ in chinese.evidence] == [item for item, _ in english.evidence]
    for (_, title), (key, text) in zip(english.evidence, chinese.evidence.items()):
        assert title in DATA_TITLES or is_translated(key[1]), key
        assert title in DATA_EVIDENCE or CHINESE.search(text), (key, text)
