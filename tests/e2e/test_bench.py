# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of the SMTP client, once for each kind of port: only the round trips are judged. How long it takes is
for tests/bench/run, by hand."""

import os
import pathlib
import sys

import pytest

import mailer_client
import postfix

sys.path.append(str(pathlib.Path(__file__).parent.parent / "bench"))

import smtp_bench  # noqa: E402

pytestmark = [pytest.mark.skipif(not os.access(mailer_client.program(), os.X_OK), reason="tocsin-mail is not built"),
              pytest.mark.skipif(postfix.why_not() is not None, reason=str(postfix.why_not()))]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = smtp_bench.Server(tmp_path_factory.mktemp("bench"))
    yield s
    s.stop()


@pytest.mark.parametrize("key", smtp_bench.LIMITS)
@pytest.mark.parametrize("client", [smtp_bench.Tocsin, smtp_bench.Standby])
def test_receipt_within_the_fewest_round_trips(server, tmp_path, client, key):
    def run():
        runs = smtp_bench.one_mail(server, tmp_path, server.authority.ca_file, 0.05, 1, [key], [client])
        return runs[(*key, client.name)][0]

    # A client that this machine stops for 100 ms between two writes seems to have waited for the server: once more.
    trips = [run().round_trips]
    while trips[-1] > smtp_bench.LIMITS[key] and len(trips) < 3:
        trips.append(run().round_trips)
    assert trips[-1] == smtp_bench.LIMITS[key], trips
