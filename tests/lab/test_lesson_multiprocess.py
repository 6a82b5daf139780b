"""Test the lesson about multiple workers: its counts, its output, and its cleanup."""

import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from lab.errors import LabError
from lab.paths import ROOT, VENV
from lab.runtimes.host.runtime import HostRuntime
from lessons import multiprocess
from lessons.multiprocess import Scrape, Shop, increase, text
from tests.eventually import eventually

#: Two masters with four workers each, and the correct shop's metrics process.
PROCESSES = 11


class Lesson(NamedTuple):
    """The lesson's scrapes, and the processes seen while it ran.

    ``of_the_lab`` contains the processes that `make down` would have stopped.
    """

    scrapes: list[Scrape]
    processes: set[psutil.Process]
    of_the_lab: set[psutil.Process]

    @property
    def killed_at(self) -> int:
        """The index of the scrape after which the workers were killed."""
        (index,) = [index for index, scrape in enumerate(self.scrapes) if scrape.lost]
        return index


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    """The results of the real lesson, which is run once for all tests."""
    this = psutil.Process()
    others, seen, of_the_lab = set(this.children()), set(), set()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(multiprocess.observe)
        while not wait([running], timeout=0.05).done:
            found = set(this.children(recursive=True)) - others
            seen |= found
            of_the_lab |= found & set(HostRuntime._orphans())
    return Lesson(running.result(), seen, of_the_lab)


def living(processes: set[psutil.Process]) -> list[psutil.Process]:
    """Return the processes that have not exited. Zombies count as exited."""
    found = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def folders_of(pid: int) -> list[Path]:
    """Return the temporary folders that the lesson with this process ID has not removed."""
    places = (Path(tempfile.gettempdir()), Path("/dev/shm"))
    return [path for place in places for path in place.glob(f"pomar-lesson-{pid}-*")]


def test_the_correct_counter_equals_the_requests_sent_at_every_scrape(lesson):
    assert [scrape.correct for scrape in lesson.scrapes] == [40 * number for number in range(13)]
    assert [scrape.sent for scrape in lesson.scrapes] == [40 * number for number in range(13)]


def test_the_naive_counter_loses_what_a_killed_worker_had_counted(lesson):
    killed = lesson.scrapes[lesson.killed_at]

    # Four workers handled 200 requests and 6 scrapes: the busiest one at least 52, of which at most 6 were scrapes.
    assert killed.sent == 200
    assert killed.lost >= 46
    assert all(scrape.naive <= scrape.sent - killed.lost for scrape in lesson.scrapes[lesson.killed_at + 1 :])


def test_the_counter_of_a_single_naive_worker_never_decreases(lesson):
    for life in (lesson.scrapes[: lesson.killed_at + 1], lesson.scrapes[lesson.killed_at + 1 :]):
        for slot in {scrape.worker for scrape in life}:
            counted = [scrape.naive for scrape in life if scrape.worker == slot]
            assert all(before <= after for before, after in pairwise(counted)), f"worker {slot}: {counted}"


def test_the_text_fits_in_80_columns_and_names_the_files_of_the_correct_shop(lesson):
    printed = text(lesson.scrapes)

    assert max(map(len, printed.splitlines())) <= 80
    for name in ("app/uwsgi.ini", "telemetry/src/pomar_telemetry/multiprocess.py"):
        assert name in printed
        assert (ROOT / name).is_file()


def test_the_lesson_leaves_no_process_and_no_folder(lesson):
    assert len(lesson.processes) >= PROCESSES
    eventually(
        lambda: living(lesson.processes), because="the lesson stops its processes", wanted=lambda found: not found
    )
    assert folders_of(os.getpid()) == []


def test_stopping_the_lab_does_not_stop_the_lesson(lesson):
    assert len(lesson.processes) >= PROCESSES
    assert lesson.of_the_lab == set()


#: Code that restores the default signal handlers, because `nohup` or a background job may have disabled them.
HEARS_SIGNALS = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "[signal.signal(number, signal.SIG_DFL) for number in (signal.SIGHUP, signal.SIGTERM)]"
)


@pytest.mark.parametrize(
    ("number", "processes"),
    [
        (signal.SIGINT, 1),
        (signal.SIGINT, 3),
        (signal.SIGINT, PROCESSES),
        (signal.SIGTERM, PROCESSES),
        (signal.SIGHUP, PROCESSES),
    ],
    ids=["while the database is made", "while a shop starts", "while both run", "by a kill", "by a closed terminal"],
)
def test_an_interrupted_lesson_leaves_no_process_and_no_folder(number, processes):
    command = [sys.executable, "-c", f"{HEARS_SIGNALS}; from lessons.multiprocess import teach; teach()"]
    with psutil.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        seen = set(
            eventually(
                lambda: running.children(recursive=True),
                because="the lesson starts its shops",
                timeout=30,
                wanted=lambda found: len(found) >= processes,
            )
        )
        assert folders_of(running.pid) != []

        running.send_signal(number)

        assert running.wait(30) != 0
    eventually(lambda: living(seen), because="the lesson stops its processes", wanted=lambda found: not found)
    assert folders_of(running.pid) == []


def test_a_missing_uwsgi_is_reported(monkeypatch, tmp_path):
    monkeypatch.setattr(multiprocess, "VENV", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(LabError, match="uWSGI is missing from the lab's environment"):
        multiprocess.teach()

    assert folders_of(os.getpid()) == []


def test_a_shop_that_fails_to_start_says_why(tmp_path):
    ini = tmp_path / "uwsgi.ini"
    ini.write_text(
        "[uwsgi]\nmaster = true\nneed-app = true\nlazy-apps = true\nlog-date = true\nmodule = no_such_shop\n"
    )
    shop = Shop("naive", ini, tmp_path, {"PATH": str(VENV / "bin")})

    with pytest.raises(LabError) as error:
        shop.wait_until(shop.is_ready)

    assert error.value.message == "the naive shop has exited: ModuleNotFoundError: No module named 'no_such_shop'"


@pytest.mark.parametrize(
    ("values", "grown"),
    [
        ([7], 0),
        ([0, 40, 80], 80),
        ([5, 5], 0),
        # The increases are 10, 15, 5 after a reset, and 4.
        ([0, 10, 25, 5, 9], 34),
        # The increases are 90, 60 after an apparent reset, 40, and 70 after another reset.
        ([0, 90, 60, 100, 70], 260),
        ([3, 0, 3], 3),
    ],
    ids=["one sample", "no restart", "no growth", "one step back", "a saw-tooth", "down to zero"],
)
def test_increase_treats_every_decrease_as_a_counter_reset(values, grown):
    assert increase(values) == grown


#: According to Prometheus, the naive counter increases by 12 + 9 + 55 + 31 = 107.
SCRAPES = [
    Scrape(sent=0, naive=0, correct=0, worker=1),
    Scrape(sent=40, naive=12, correct=40, worker=1),
    Scrape(sent=80, naive=9, correct=80, worker=2, lost=21),
    Scrape(sent=120, naive=64, correct=120, worker=3),
    Scrape(sent=160, naive=31, correct=160, worker=4),
]


def test_the_table_has_a_row_per_scrape_and_marks_decreases():
    table = text(SCRAPES).split("\n\n")[1]

    assert table.splitlines() == [
        "  sent  correct   naive  worker",
        "     0        0       0  1",
        "    40       40      12  1",
        "    80       80       9  2       decreased by 3; then a worker is killed",
        "   120      120      64  3",
        "   160      160      31  4       decreased by 33",
    ]


def test_the_chart_shows_both_counters_side_by_side_and_names_their_scales():
    chart = text(SCRAPES).split("\n\n")[2]

    assert chart.splitlines() == [
        "  sent  correct (█ = 5)                   naive (█ = 2)",
        "     0",
        f"    40  {'█' * 8:32}  {'█' * 6}",
        f"    80  {'█' * 16:32}  {'█' * 4}▌",
        f"   120  {'█' * 24:32}  {'█' * 32}",
        f"   160  {'█' * 32:32}  {'█' * 15}▌",
    ]


def test_the_conclusion_has_the_numbers_of_the_run():
    seen = text(SCRAPES).split("\n\n")[3].replace("\n", " ")

    assert seen == (
        "160 requests were sent to each shop. The correct counter was exact at 5 of 5 scrapes. The naive one decreased "
        "2 times; its maximum was 64, and its last value 31. Prometheus treats each decrease as a counter reset: "
        "increase() returns 107 (53 too few) for the naive counter and 160 for the correct one. The 21 requests that "
        "the killed naive worker had counted are lost; the correct counter lost none."
    )


@pytest.mark.parametrize(
    ("naive", "correct", "words"),
    [
        ([0, 50, 100], [0, 50, 100], "The naive one never decreased; its maximum was 100, and its last value 100."),
        ([0, 90, 60], [0, 50, 100], "The naive one decreased once; its maximum was 90, and its last value 60."),
        ([0, 90, 60], [0, 50, 100], "returns 150 (50 too many) for the naive counter and 100 for the correct one."),
        ([0, 50, 100], [0, 50, 99], "returns 100 for the naive counter and 99 (1 too few) for the correct one."),
        ([0, 50, 100], [0, 50, 99], "The correct counter was exact at 2 of 3 scrapes."),
    ],
    ids=["never back", "once back", "too many", "exact by luck", "not exact"],
)
def test_the_conclusion_matches_what_was_observed(naive, correct, words):
    scrapes = [Scrape(*counts, worker=1) for counts in zip((0, 50, 100), naive, correct, strict=True)]

    seen = text(scrapes).split("\n\n")[3].replace("\n", " ")

    assert words in seen
    assert "killed" not in seen
