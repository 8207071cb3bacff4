# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents tell people to type or to write: the same in both languages, and right."""

import pathlib
import re
import shlex

import pytest

import harness

ROOT = pathlib.Path(__file__).parents[2]
PAIRS = [("README.md", "README.zh_CN.md"), ("doc/guide.md", "doc/guide.zh_CN.md")]
DOCUMENTS = [name for pair in PAIRS for name in pair]


def blocks(name):
    """The indented blocks of a document, without comments, which are in its language."""
    found, block = [], []
    for line in (ROOT / name).read_text().splitlines() + ["end"]:
        if line.startswith("    ") or (not line and block):
            block.append(re.sub(r"(^|\s)#(?!!).*", "", line[4:]).rstrip())
        elif block:
            found.append("\n".join(line for line in block if line))
            block = []
    return found


def rows(name):
    """The first cell of each row of each table, as far as it is code."""
    return [cells for line in (ROOT / name).read_text().splitlines() if line.startswith("| `")
            if (cells := re.findall(r"`[^`]+`", line.split("|")[1]))]


def shape(name):
    """Its headings, lists and tables, in order and without their words."""
    return re.findall(r"^(?:#+|-|\d+\.|\|)(?= )|^\*\*", (ROOT / name).read_text(), re.M)


@pytest.mark.parametrize("english, chinese", PAIRS)
def test_both_languages_say_the_same(english, chinese):
    assert blocks(english) == blocks(chinese)
    assert len(blocks(english)) >= 5
    assert shape(english) == shape(chinese)


def test_both_languages_list_the_same():
    assert rows("README.md") == rows("README.zh_CN.md")


def test_the_two_commands_are_there():
    text = (ROOT / "bootstrap").read_text()
    commands = [line.split()[:2] for line in blocks("README.md")[0].splitlines()]
    assert commands == [["./bootstrap", "demo"], ["./bootstrap", "check"]]
    assert all(f"\n{verb})" in text for _, verb in commands)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    text = (ROOT / name).read_text()
    anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.M)}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif "://" not in target:
            assert (ROOT / name).parent.joinpath(target).exists(), target


def manuals():
    return sorted([*(ROOT / "conf").glob("*.[158]"), *(ROOT / "conf").glob("*.7.in"), *(ROOT / "checks").glob("*.7.in")])


def unescaped(text):
    """As the reader of a manual page sees it, groff_char(7)."""
    for escape, character in ((r"\(dq", '"'), (r"\(aq", "'"), (r"\-", "-"), (r"\&", ""), (r"\e", "\\")):
        text = text.replace(escape, character)
    return text


def shown_configurations(path):
    """The configurations that a document or a manual page shows."""
    if path.suffix == ".md":
        return [b for b in blocks(path) if b.lstrip().startswith("[") and not b.startswith("[web1")]
    literal = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", path.read_text(), re.M | re.S)
    return [unescaped(re.sub(r"^#.*\n", "", b, flags=re.M)) for b in literal if re.match(r"\[[a-z]+( [\w.-]+)?\]\n", b)]


@pytest.mark.parametrize("path", [ROOT / name for name in DOCUMENTS] + [None], ids=lambda p: p.name if p else "manuals")
def test_configurations_are_right(setup, path):
    """Every section that is shown is accepted, alone or with a [mail] and the check that it depends on."""
    shown = [(p.name, n, b) for p in ([path] if path else manuals()) for n, b in enumerate(shown_configurations(p))]
    assert len(shown) > (30 if path is None else 5)
    for name, n, block in shown:
        text = re.sub(r"/etc/tocsin/[a-z-]+", str(setup.password_file), block)
        if "[mail]" not in text:
            text = "[mail]\nserver = localhost\nfrom = a@example.org\nto = a@example.org\n" + text
        if "[check " not in text:
            text += "\n[check load]\ntype = load\n"
        if "type = http" in text and not (setup.modules / "http.so").exists():
            continue  # built without libcurl
        setup.config.write_text(text)
        r = setup.tocsind("--check-config", "--config", str(setup.config))
        assert r.returncode == 0 and "error" not in r.stderr, f"{name}, block {n}:\n{text}\n{r.stderr}"


def commands():
    """What documents and manual pages let people type, as far as it is ours: lists of words, each once."""
    found = set()
    for name in DOCUMENTS:
        found |= set(re.findall(r"(?:`|^    |&& )(?:sudo )?(tocsind? [^`\n]* ?[^`\n]*)", (ROOT / name).read_text(), re.M))
    for path in manuals():
        found |= set(re.findall(r"^\.Dl (?:sudo )?(tocsind? .*)", unescaped(path.read_text()), re.M))
    return [shlex.split(re.sub(r" < \S+", "", line)) for line in sorted(found)]


def test_commands_are_understood(setup, daemon, victim):
    """Each is run as it stands there, with a daemon: whatever it finds, none is a mistake of who types it."""
    setup.write(victim.check().replace(victim.name, "web", 1), harness.check("orders", "load"))
    daemon(setup)
    setup.wait_item("web", state="OK")
    module = setup.modules / "load.so"
    files = ["--config", str(setup.config), "--conf-dir", str(setup.folder / "conf.d")]
    (setup.folder / "conf.d").mkdir()
    tried = 0
    for words in commands():
        if len(words) < 3 and words[0] == "tocsin":
            continue  # a verb that is mentioned, for test_verbs_exist
        arguments = [{"NAME": "web", "./mine.so": str(module)}.get(w, w) for w in words[1:]]
        if arguments[0] == "setup":
            arguments += ["--no-test", "--no-start"]
            if "--address" not in arguments:
                continue  # "setup --yes" as such
        run = setup.tocsin if words[0] == "tocsin" else setup.tocsind
        r = run(*arguments, *files, **({"input": "code\n"} if words[0] == "tocsin" else {}))
        assert r.returncode != 64 and "Usage" not in r.stderr, f"{shlex.join(words)}: {r.returncode}, {r.stderr}"
        tried += 1
    assert tried > 20


@pytest.mark.parametrize("name", DOCUMENTS)
def test_verbs_exist(setup, name):
    help_text = setup.tocsin("--help").stdout
    verbs = set(re.findall(r"^  ([a-z-]+)", help_text, re.M))
    used = set(re.findall(r"(?:`|^    |sudo )tocsin ([a-z][a-z-]+)", (ROOT / name).read_text(), re.M))
    assert used and used <= verbs, used - verbs
