"""The load profiles: how many visitors come, and when, as a table."""

from typing import NamedTuple

# Locust warns above this that it cannot start users evenly.
MOST_SPAWNED_A_SECOND = 100


class Stage(NamedTuple):
    """So many users for so many seconds, started or stopped at so many a second."""

    users: int
    spawn_rate: float
    seconds: float


class Profile(NamedTuple):
    """A named sequence of stages; with ``sells_out`` bargain hunters come, and refusals for stock are expected."""

    name: str
    summary: str
    stages: tuple[Stage, ...]
    sells_out: bool = False

    @property
    def seconds(self) -> float:
        """Length of all stages."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def users(self) -> int:
        """Users at the highest stage."""
        return max(stage.users for stage in self.stages)

    def stage_at(self, seconds: float) -> Stage | None:
        """Return the stage that runs so many seconds after the start, or None when the profile is over."""
        for stage in self.stages:
            if seconds < stage.seconds:
                return stage
            seconds -= stage.seconds
        return None

    def scaled(self, *, users: int | None = None, seconds: float | None = None) -> "Profile":
        """Return the profile with another highest number of users or another length, its form kept."""
        crowd = (users or self.users) / self.users
        stretch = (seconds or self.seconds) / self.seconds
        return self._replace(
            stages=tuple(
                Stage(
                    users=max(1, round(stage.users * crowd)),
                    spawn_rate=min(MOST_SPAWNED_A_SECOND, max(1, stage.spawn_rate * crowd)),
                    seconds=stage.seconds * stretch,
                )
                for stage in self.stages
            )
        )


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("smoke", "a short walk through everything", (Stage(8, 8, 20),)),
        Profile("steady", "an ordinary hour, shortened", (Stage(12, 4, 60),)),
        Profile(
            "ramp",
            "more and more visitors",
            (Stage(5, 5, 15), Stage(10, 5, 15), Stage(20, 5, 15), Stage(30, 5, 15), Stage(40, 5, 15)),
        ),
        Profile("spike", "a crowd comes and goes", (Stage(8, 8, 20), Stage(50, 50, 20), Stage(8, 25, 20))),
        Profile("flash-sale", "more buyers than stock, all after a few boxes", (Stage(60, 5, 40),), sells_out=True),
    )
}
DEFAULT_PROFILE = "steady"
