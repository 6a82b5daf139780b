"""Test valid and invalid environment variables for the load test."""

import pytest

from loadtest.options import BadOption, read_options
from loadtest.shapes import PROFILES


def test_the_defaults_are_the_steady_profile_and_a_fixed_seed():
    options = read_options({})

    assert options.profile == PROFILES["steady"]
    assert not options.profile_named
    assert options.seed == 1
    assert (options.ca_file, options.http_url, options.result_file) == (None, None, None)


def test_an_empty_variable_counts_as_not_set():
    assert read_options({"PROFILE": "", "USERS": " ", "SEED": "", "LAB_CA_FILE": ""}) == read_options({})


def test_every_option_can_be_set(tmp_path):
    ca_file = tmp_path / "ca.crt"
    ca_file.touch()

    options = read_options(
        {
            "PROFILE": "spike",
            "USERS": "25",
            "DURATION": "2m",
            "SEED": "42",
            "LAB_CA_FILE": str(ca_file),
            "SHOP_HTTP_URL": "http://localhost:8080/",
            "LAB_LOAD_RESULT": str(tmp_path / "result.json"),
        }
    )

    assert (options.profile.name, options.profile.users, options.profile.seconds) == ("spike", 25, 120)
    assert options.profile_named
    assert options.seed == 42
    assert options.ca_file == ca_file
    assert options.http_url == "http://localhost:8080"
    assert options.result_file == tmp_path / "result.json"


@pytest.mark.parametrize(("text", "seconds"), [("5", 5), ("90s", 90), ("5m", 300), ("24h", 86400)])
def test_a_duration_without_a_unit_is_in_seconds(text, seconds):
    assert read_options({"DURATION": text}).profile.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("PROFILE", value) for value in ("Steady", "storm", "../steady")],
        *[("USERS", value) for value in ("0", "-1", "1.5", "many", "1001", "9" * 50, "\u0663")],
        *[("DURATION", value) for value in ("4", "0s", "-5", "1d", "five", "25h", "9" * 50)],
        *[("SEED", value) for value in ("-1", "x", "1e3", "9" * 50)],
        *[("LAB_CA_FILE", value) for value in ("/", "/does/not/exist")],
        *[
            ("SHOP_HTTP_URL", value)
            for value in ("localhost:8080", "https://localhost", "http://", "http://a:x", "http://a/b")
        ],
        *[("LAB_LOAD_RESULT", value) for value in ("/", "/does/not/exist/result.json")],
    ],
)
def test_an_invalid_value_is_refused_with_a_one_line_error_that_names_it(name, value):
    with pytest.raises(BadOption) as refusal:
        read_options({name: value})

    assert str(refusal.value).startswith(f"{name}={value} ")
    assert str(refusal.value).endswith(".")
    assert "\n" not in str(refusal.value)
