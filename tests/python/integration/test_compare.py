"""benchmarks/compare.py: disturbed rounds don't count, ratios are per round; every workload and measure runs; results are shown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

import catalog
import report
import rounds

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
PEERS = ["n2d2", "torch_eager"]


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Peers that need no process; gives the names of those that were closed."""
    names: list[str] = []

    class Peer:
        def __init__(self, workload, name, measure, cpus):
            self.name, self.notes = name, {}

        def ready(self):
            pass

        def close(self):
            names.append(self.name)

    monkeypatch.setattr(rounds, "Peer", Peer)
    return names


def script(monkeypatch, **figures):
    """The figures of each peer in turn, as (ms, clean)."""
    monkeypatch.setattr(rounds, "round_of", lambda peer: figures[peer.name].pop(0))


def test_a_disturbed_figure_is_taken_again(closed, monkeypatch):
    torch = [(90.0, False), (2.0, True), (3.0, True), (10.0, True)]
    script(monkeypatch, n2d2=[(1.0, True), (1.0, True), (50.0, False), (1.0, True)], torch_eager=torch)
    result = rounds.compare("cifar_tutorial", PEERS, 3)
    assert result["median"] == {"n2d2": 1.0, "torch_eager": 3.0}
    assert result["best_peer"] == "torch_eager"
    assert result["ratio"] == {"n2d2": 3.0, "torch_eager": 1.0}
    assert result["ratio_range"]["n2d2"] == [2.0, 10.0]
    assert (result["rounds"], result["disturbed"]) == (3, 0)
    assert closed == PEERS


def test_a_round_that_stays_disturbed_is_thrown_away(closed, monkeypatch):
    bad = [(50.0, False)] * rounds.MOST_TRIES
    script(monkeypatch, n2d2=[*bad, (1.0, True), (1.0, True), (1.0, True)], torch_eager=[(4.0, True)] * 4)
    result = rounds.compare("cifar_tutorial", PEERS, 3)
    assert result["median"] == {"n2d2": 1.0, "torch_eager": 4.0}
    assert (result["rounds"], result["disturbed"]) == (3, 1)


def test_a_busy_machine_is_an_error(closed, monkeypatch):
    script(monkeypatch, n2d2=[(1.0, False)] * 99, torch_eager=[(1.0, True)] * 99)
    with pytest.raises(rounds.BusyError, match="9 of 9 rounds were disturbed"):
        rounds.compare("cifar_tutorial", PEERS, 3)


def test_a_peer_that_fails_says_why(tmp_path, monkeypatch):
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / "worker.py").write_text("raise SystemExit('no such data')")
    monkeypatch.setattr(rounds, "HERE", tmp_path)
    with pytest.raises(RuntimeError, match="no such data"):
        rounds.compare("cifar_tutorial", ["n2d2"], 3)


def test_the_ratio_is_to_the_best_peer():
    found = rounds.summary({"n2d2": [1.0, 2.0], "torch_eager": [4.0, 6.0], "tf_graph": [3.0, 5.0]})
    assert found["best_peer"] == "tf_graph"
    assert found["ratio"] == {"n2d2": 2.75, "torch_eager": pytest.approx((3 / 4 + 5 / 6) / 2), "tf_graph": 1.0}


@pytest.mark.parametrize("name", list(catalog.WORKLOADS))
def test_operations_of_the_catalog_are_those_of_the_network(name):
    from models import torch_nets
    from models.flop import macs_of

    workload = catalog.WORKLOADS[name]
    assert macs_of(torch_nets.build(workload), workload.shape) == workload.macs


LARGE = ("resnet8", "mobilenet_v1", "ds_cnn", "autoencoder", "resnet18")
CASES = [
    *[(name, "step", ("n2d2",)) for name in catalog.WORKLOADS if name != "resnet18"],
    ("cifar_tutorial", "step", ("torch_channels_last",)),
    ("cifar_tutorial", "loop", ("n2d2",)),
    ("cifar_tutorial", "predict1", ("n2d2", "n2d2_torch")),
    ("cifar_tutorial", "memory", ("n2d2", "torch_eager")),
    ("autoencoder", "loop", ("n2d2", "n2d2_keras", "torch_fused", "keras_fit")),
    ("ds_cnn", "loop", ("n2d2", "n2d2_keras")),
    ("ds_cnn", "memory", ("n2d2", "tf_graph")),
    ("variation-0-8", "step", ("n2d2",)),
]


@pytest.mark.parametrize(("workload", "measure", "peers"), [pytest.param(*c, marks=[pytest.mark.slow] * (c[0] in LARGE)) for c in CASES])
def test_one_round(workload, measure, peers):
    result = rounds.compare(workload, list(peers), 1, measure, rounds.Conditions(any_load=True))
    assert all(value > 0 for value in result["median"].values())
    assert list(result["median"]) == list(peers)
    assert not result["failed"]
    if measure == "memory":
        assert result["notes"]["n2d2"]["activation_mib"] > 0
        assert all(result["notes"][name]["process_mib"] > value for name, value in result["median"].items())


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["step", "loop", "predict1", "startup"])
def test_all_peers_run(measure):
    peers = [p for p in catalog.PEERS.values() if catalog.offers(p, catalog.WORKLOADS["mnist_convnet"], measure) and p.is_installed]
    names = [p.name for p in peers if not p.only_when_asked]
    result = rounds.compare("mnist_convnet", names, 1, measure, rounds.Conditions(any_load=True))
    assert result["failed"] == {}
    assert sorted(result["median"]) == sorted(names)


def example() -> dict:
    figures = {"n2d2": [0.5, 0.5], "torch_eager": [2.0, 3.0], "tf_graph": [1.0, 2.0]}
    head = {"workload": "cifar_tutorial", "measure": "step", "unit": "ms", "rounds": 2, "disturbed": 1, "any_load": False}
    result = {**head, **rounds.summary(figures), "failed": {"tf_xla": "no compiler\nsorry"}, "notes": {}, "flop": 1e7}
    return {"machine": {"processor": "x", "gflops": 100.0}, "results": [result], "not_installed": ["jax_jit"], "left_out": []}


def test_the_terminal_shows_ratios_floor_and_what_is_missing():
    text = report.section(example()["results"][0], example()["machine"]) + report.footer(example())
    for part in (
        "3.00",
        "floor: 0.01 GFLOP",
        "0.100",
        "2 clean rounds, 1 thrown away",
        "failed",
        "sorry",
        "not installed, left out: jax_jit",
    ):
        assert part in text, text


def test_a_result_file_is_shown_again(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "result.json").write_text(json.dumps(example()))
    files = ["--from", str(tmp_path / "result.json"), "--markdown", str(tmp_path / "r.md"), "--plot", str(tmp_path / "r.png")]
    done = subprocess.run([sys.executable, str(BENCHMARKS / "compare.py"), *files], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr  # a peer had failed
    assert (tmp_path / "r.png").stat().st_size > 5000
    assert "| cifar_tutorial | 0.500  | **1.50**   | 2.50          | 3.00               | 0.100   |" in (tmp_path / "r.md").read_text()
