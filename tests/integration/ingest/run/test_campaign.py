"""A slice of the campaign; `make campaign` runs the whole."""

from contextlib import closing

import pytest

from tests.integration.ingest.run.campaign import SCENARIOS, Campaign
from tests.servers.servers import OpenSearchServer


@pytest.mark.long
def test_after_any_moment_all_is_as_if_nothing_had_been(tmp_path):
    with closing(OpenSearchServer()) as server:
        server.start()
        campaign = Campaign(server, tmp_path, seed=7)
        campaign.run(15)
    assert campaign.faults == []
    assert {scenario for scenario, _ in campaign.done} == set(SCENARIOS)
    assert sum(campaign.in_time.values()) >= 5
