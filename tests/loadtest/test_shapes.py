"""Test the load profiles: how many users each one has over time, and how profiles are scaled."""

import pytest

from loadtest.shapes import DEFAULT_PROFILE, MAX_SPAWN_RATE, PROFILES, Stage


def test_the_profiles_have_the_promised_names_and_durations():
    lengths = {name: profile.seconds for name, profile in PROFILES.items()}

    assert lengths == {"smoke": 20, "steady": 60, "ramp": 75, "spike": 60, "flash-sale": 40}
    assert DEFAULT_PROFILE == "steady"


def test_only_the_flash_sale_sells_out():
    assert [name for name, profile in PROFILES.items() if profile.sells_out] == ["flash-sale"]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_every_stage_reaches_its_number_of_users_before_it_ends(profile):
    users = 0
    for stage in profile.stages:
        seconds_to_reach = abs(stage.users - users) / stage.spawn_rate
        users = stage.users

        assert 1 <= stage.spawn_rate <= MAX_SPAWN_RATE
        assert seconds_to_reach <= stage.seconds / 2


def test_stages_run_in_order_until_the_profile_ends():
    spike = PROFILES["spike"]

    users = [stage and stage.users for stage in map(spike.stage_at, (0, 19.9, 20, 39.9, 40, 59.9, 60, 1000))]

    assert users == [8, 8, 50, 50, 8, 8, None, None]


def test_the_users_option_sets_the_highest_stage_and_scales_the_others():
    ramp = PROFILES["ramp"].scaled(users=80)

    assert [stage.users for stage in ramp.stages] == [10, 20, 40, 60, 80]
    assert [stage.seconds for stage in ramp.stages] == [15] * 5
    assert ramp.stages[0].spawn_rate == 10


def test_a_duration_stretches_every_stage():
    spike = PROFILES["spike"].scaled(seconds=600)

    assert spike.stages == (Stage(8, 8, 200), Stage(50, 50, 200), Stage(8, 25, 200))


@pytest.mark.parametrize("users", [1, 1000])
def test_no_stage_is_empty_or_spawns_faster_than_locust_can(users):
    for profile in PROFILES.values():
        scaled = profile.scaled(users=users)

        assert scaled.users == users
        assert all(stage.users >= 1 for stage in scaled.stages)
        assert all(1 <= stage.spawn_rate <= MAX_SPAWN_RATE for stage in scaled.stages)
