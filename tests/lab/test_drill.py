"""Test that a fault is always reverted, and that the annotation on the dashboards says whether that worked."""

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
def sent(monkeypatch) -> list[str]:
    """The texts of the events sent to the dashboards, in order."""
    texts = []
    monkeypatch.setattr(events, "push", lambda runtime, kind, phase, name, text: texts.append(text))
    return texts


LAB = SimpleNamespace(patient=lambda seconds: nullcontext())


class Fault:
    """A fault that may fail, or send a signal, when it is injected or reverted."""

    def __init__(self, inject=lambda: None, revert=lambda: None) -> None:
        self.active = False
        self._inject, self._revert = inject, revert

    @contextmanager
    def __call__(self, runtime):
        try:
            self.active = True
            self._inject()
            yield
        finally:
            self._revert()
            self.active = False


def fails():
    raise LabError("it failed")


def signalled():
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_fault_is_active_in_the_block_and_reverted_after_it(sent):
    fault = Fault()

    with injected(LAB, fault, "x", "it breaks.", lambda: sent.append("reverted")):
        assert fault.active

    assert not fault.active
    assert sent == ["x started: it breaks.", "reverted", "x was reverted"]


@pytest.mark.parametrize(
    ("happens", "error"), [(fails, LabError), (signalled, KeyboardInterrupt)], ids=["error", "signal"]
)
@pytest.mark.parametrize("when", ["begins", "inside"])
def test_a_fault_is_reverted_after_an_error_or_a_signal(sent, happens, error, when):
    fault = Fault(happens) if when == "begins" else Fault()

    with pytest.raises(error), signals.handled_once(), injected(LAB, fault, "x", "it breaks."):
        happens()

    assert not fault.active
    assert sent[-1] == ("x failed to start" if when == "begins" else "x was reverted")


def test_a_signal_during_the_revert_is_ignored(sent):
    fault = Fault(revert=signalled)

    with signals.handled_once(), injected(LAB, fault, "x", "it breaks."):
        pass

    assert not fault.active


def test_a_fault_that_could_not_be_reverted_is_reported_as_such(sent):
    with pytest.raises(LabError, match="it failed"), injected(
        LAB, Fault(revert=fails), "x", "it breaks.", lambda: sent.append("reverted")
    ):  # fmt: skip
        pass

    assert sent == ["x started: it breaks.", "x could not be reverted"]
