"""A fault is mended whatever happens while it is there, and it is said whether it was."""

import os
import signal
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest

from lab import signals
from lab.drills.drill import injected
from lab.errors import LabError
from lab.runs import events


@pytest.fixture
def told(monkeypatch) -> list[str]:
    """What the dashboards are told, in its order; and a lab that waits for no lock."""
    sentences = []
    monkeypatch.setattr(events, "tell", lambda runtime, kind, phase, name, text: sentences.append(text))
    return sentences


LAB = SimpleNamespace(patient=lambda seconds: nullcontext())


class Fault:
    """A fault that may fail at its beginning or its end, and is signalled in between."""

    def __init__(self, begins=lambda: None, ends=lambda: None) -> None:
        self.there = False
        self._begins, self._ends = begins, ends

    @contextmanager
    def __call__(self, runtime):
        try:
            self.there = True
            self._begins()
            yield
        finally:
            self._ends()
            self.there = False


def fails():
    raise LabError("it failed")


def signalled():
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_fault_is_there_in_the_block_and_mended_after_it(told):
    fault = Fault()

    with injected(LAB, fault, "x", "it breaks.", lambda: told.append("mended")):
        assert fault.there

    assert not fault.there
    assert told == ["x begins: it breaks.", "mended", "x is mended"]


@pytest.mark.parametrize(
    ("happens", "error"), [(fails, LabError), (signalled, KeyboardInterrupt)], ids=["error", "signal"]
)
@pytest.mark.parametrize("when", ["begins", "inside"])
def test_it_is_mended_when_something_fails_or_a_signal_comes(told, happens, error, when):
    fault = Fault(happens) if when == "begins" else Fault()

    with pytest.raises(error), signals.handled_once(), injected(LAB, fault, "x", "it breaks."):
        happens()

    assert not fault.there
    assert told[-1] == ("x did not begin" if when == "begins" else "x is mended")


def test_a_signal_while_it_is_mended_is_not_heeded(told):
    fault = Fault(ends=signalled)

    with signals.handled_once(), injected(LAB, fault, "x", "it breaks."):
        pass

    assert not fault.there


def test_a_fault_that_could_not_be_mended_is_not_said_to_be(told):
    with pytest.raises(LabError, match="it failed"), injected(
        LAB, Fault(ends=fails), "x", "it breaks.", lambda: told.append("mended")
    ):  # fmt: skip
        pass

    assert told == ["x begins: it breaks.", "x could not be mended"]
