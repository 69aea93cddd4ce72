"""The command for a machine with a GPU, on one without: that it runs, and that no part takes the others along."""

import json
import sys
import time
from importlib import import_module
from types import ModuleType

import pytest
import torch

from bench.gpu import main, session, vae
from bench.gpu.session import Session

TINY = ["--device", "cpu", "--tiny", "--here"]


def test_without_a_gpu_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main([]) == 0
    assert "no GPU, so nothing measured" in capsys.readouterr().out


def test_steps_and_their_equality_are_measured_and_kept(monkeypatch, tmp_path, capsys):
    """Without what is compiled, which takes a minute here; `test_compiled.py` and the command itself try that."""
    monkeypatch.setattr(vae, "WAYS", {way: vae.WAYS[way] for way in ("naive", "recorded, tf32")})
    assert main(["steps", "equal", *TINY, "--json", str(tmp_path / "figures.json")]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["steps"]["naive"]["us"] > 0 and figures["steps"]["recorded, tf32"]["refused"] == ""
    assert figures["equal"]["recorded, tf32"]["weights"] == 0 and figures["machine"]["torch"] == torch.__version__
    printed = capsys.readouterr().out
    assert "100,000 would take" in printed and "from the naive loop" in printed


def test_a_part_that_fails_loses_no_other(monkeypatch, tmp_path, capsys):
    made = ModuleType("made_parts")

    def broken(found: Session) -> None:
        found.say("first", "measured", value=1)
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    made.broken, made.sound = broken, lambda found: found.say("second", "measured", value=2)
    monkeypatch.setitem(sys.modules, "made_parts", made)
    monkeypatch.setattr(session, "PARTS", {"broken": ("made_parts", 60), "sound": ("made_parts", 60)})
    assert main([*TINY, "--json", str(tmp_path / "figures.json")]) == 1
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["broken"]["first"] == {"value": 1} and "illegal memory access" in figures["broken"]["failed"]
    assert figures["sound"]["second"] == {"value": 2} and "broken FAILED" in capsys.readouterr().out


def test_a_part_that_hangs_or_dies_is_ended_alone(monkeypatch, capfd):
    monkeypatch.setattr(session, "_GRACE", 0.5)
    programs = iter(["import time; time.sleep(60)", "raise SystemExit(9)"])
    monkeypatch.setattr(session, "command_of", lambda *told: [sys.executable, "-c", next(programs)])
    assert session.measured_apart("steps", "cpu", True, 0.5) == {"failed": "ended after 1 s"}
    assert session.measured_apart("steps", "cpu", True, 20) == {"failed": "its process died"}


def test_what_there_is_no_time_for_is_said(capsys):
    found = Session(torch.device("cpu"), False, time.monotonic() + 5)
    assert found.has_time("this", 1) and not found.has_time("that", 60)
    assert found.figures == {"that": {"left_out": True}} and "that: left out:" in capsys.readouterr().out


@pytest.mark.parametrize("part", session.PARTS)
def test_every_part_is_there(part):
    assert callable(getattr(import_module(session.PARTS[part][0]), part))
