"""The load profiles: tables of stages, each with a number of users."""

from typing import NamedTuple

# Above this rate, Locust warns that it cannot start users evenly.
MAX_SPAWN_RATE = 100


class Stage(NamedTuple):
    """A stage of a profile: the number of users, how many of them start or stop per second, and its duration."""

    users: int
    spawn_rate: float
    seconds: float


class Profile(NamedTuple):
    """A named sequence of stages. If ``sells_out`` is true, all users are bargain hunters, and products sell out."""

    name: str
    summary: str
    stages: tuple[Stage, ...]
    sells_out: bool = False

    @property
    def seconds(self) -> float:
        """The total duration of all stages."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def users(self) -> int:
        """The maximum number of users."""
        return max(stage.users for stage in self.stages)

    def stage_at(self, seconds: float) -> Stage | None:
        """Return the stage at ``seconds`` after the start, or None when the profile is over."""
        for stage in self.stages:
            if seconds < stage.seconds:
                return stage
            seconds -= stage.seconds
        return None

    def scaled(self, *, users: int | None = None, seconds: float | None = None) -> "Profile":
        """Return the profile scaled to another maximum number of users or another duration."""
        crowd = (users or self.users) / self.users
        stretch = (seconds or self.seconds) / self.seconds
        return self._replace(
            stages=tuple(
                Stage(
                    users=max(1, round(stage.users * crowd)),
                    spawn_rate=min(MAX_SPAWN_RATE, max(1, stage.spawn_rate * crowd)),
                    seconds=stage.seconds * stretch,
                )
                for stage in self.stages
            )
        )


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("smoke", "a short run through all features", (Stage(8, 8, 20),)),
        Profile("steady", "steady ordinary traffic", (Stage(12, 4, 60),)),
        Profile(
            "ramp",
            "a growing number of users",
            (Stage(5, 5, 15), Stage(10, 5, 15), Stage(20, 5, 15), Stage(30, 5, 15), Stage(40, 5, 15)),
        ),
        Profile("spike", "a short burst of many users", (Stage(8, 8, 20), Stage(50, 50, 20), Stage(8, 25, 20))),
        Profile("flash-sale", "more buyers than stock for a few products", (Stage(60, 5, 40),), sells_out=True),
    )
}
DEFAULT_PROFILE = "steady"
