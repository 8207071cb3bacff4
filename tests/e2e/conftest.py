# SPDX-License-Identifier: GPL-3.0-or-later
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import pytest  # noqa: E402

# Who starts us in the background may have had these ignored, and what is ignored is inherited (execve(2)).
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

import certs  # noqa: E402
import harness  # noqa: E402
import mailcatcher  # noqa: E402
import postfix  # noqa: E402


def pytest_terminal_summary(terminalreporter):
    """Which tests failed, for ./run, one on each line."""
    path = os.environ.get("TOCSIN_TEST_FAILED")
    if path:
        reports = [r for kind in ("failed", "error") for r in terminalreporter.stats.get(kind, [])]
        pathlib.Path(path).write_text("".join(f"{n}\n" for n in dict.fromkeys(r.nodeid for r in reports)))


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def server_certificate(authority):
    return authority.issue("server")


@pytest.fixture
def catcher(tmp_path, authority, server_certificate):
    c = mailcatcher.MailCatcher(tmp_path / "mails", server_certificate)
    c.ca_file = authority.ca_file
    c.start()
    yield c
    c.stop()


@pytest.fixture(scope="session")
def postfix_server(authority, server_certificate):
    reason = postfix.why_not()
    if reason:
        pytest.skip(reason)
    server = postfix.Postfix(server_certificate)
    server.ca_file = authority.ca_file
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def setup(tmp_path, catcher):
    """Configuration, state and modules for a daemon that mails to the catcher."""
    return harness.Setup(tmp_path, catcher, catcher.ca_file)


@pytest.fixture
def daemon():
    """A function that starts a tocsind and hands it out when it is ready; what still runs at the end is stopped."""
    running = []

    def start(setup, wait=True, **options):
        d = harness.Daemon(setup, **options)
        running.append(d)
        return d.wait_ready() if wait else d

    yield start
    for d in running:
        d.kill()


@pytest.fixture
def victim(tmp_path):
    v = harness.Victim(tmp_path).start()
    yield v
    v.kill()
