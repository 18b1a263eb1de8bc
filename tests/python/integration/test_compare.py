"""benchmarks/compare.py: disturbed rounds don't count, ratios are per round, too few clean rounds are an error."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "benchmarks" / "compare.py"


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location("compare", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    class Peer:
        closed = []

        def __init__(self, workload, name):
            self.name = name

        def close(self):
            self.closed.append(self.name)

    monkeypatch.setattr(module, "Peer", Peer)
    return module


def script(module, monkeypatch, rounds):
    """Each round as {peer: (ms, clean)}."""
    left = {name: [r[name] for r in rounds] for name in rounds[0]}
    monkeypatch.setattr(module, "round_of", lambda peer: left[peer.name].pop(0))


def test_disturbed_rounds_are_thrown_away(compare, monkeypatch):
    good = [{"n2d2": (1.0, True), "torch": (t, True)} for t in (2.0, 3.0, 10.0)]
    bad = [{"n2d2": (50.0, False), "torch": (1.0, True)}, {"n2d2": (1.0, True), "torch": (90.0, False)}]
    script(compare, monkeypatch, [bad[0], good[0], good[1], bad[1], good[2]])
    result = compare.compare("torch_tutorial", ["torch"], 3)
    assert result["ms_per_step"] == {"n2d2": 1.0, "torch": 3.0}
    assert result["ratio_to_n2d2"] == {"torch": 3.0}
    assert result["ratio_range"] == {"torch": [2.0, 10.0]}
    assert (result["rounds"], result["rounds_thrown_away"]) == (3, 2)
    assert compare.Peer.closed == ["n2d2", "torch"]


def test_a_busy_machine_is_an_error(compare, monkeypatch):
    script(compare, monkeypatch, [{"n2d2": (1.0, False), "torch": (1.0, True)}] * 9)
    with pytest.raises(compare.BusyError, match="9 of 9 rounds were disturbed"):
        compare.compare("torch_tutorial", ["torch"], 3)


def test_a_peer_that_fails_says_why(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("compare", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "workloads").mkdir()
    (tmp_path / "workloads" / "broken.py").write_text("raise SystemExit('no such data')")
    monkeypatch.setattr(module, "HERE", tmp_path)
    with pytest.raises(RuntimeError, match="no such data"):
        module.compare("broken", [], 3)
