"""A replay that is killed at random moments, with controls in between, tells what an undisturbed one does."""

from tests.bench.kills import compare


async def test_a_killed_replay_tells_its_follower_what_an_undisturbed_one_does(tmp_path):
    found = await compare(tmp_path, kills=3, seed=7, seeks=False)
    assert found["same"], found
