"""The parts one after the other, each in a process of its own, and the figures that they leave."""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

#: Part -> (module that has a function of its name, seconds that it may take), in the order of their weight.
PARTS = {
    "steps": ("bench.gpu.vae", 120),
    "whole": ("bench.gpu.vae", 140),
    "equal": ("bench.gpu.vae", 70),
    "stacked": ("bench.gpu.vae", 120),
    "pictures": ("bench.gpu.pictures", 70),
    "explanations": ("bench.gpu.pictures", 60),
    "launched": ("bench.gpu.launched", 60),
    "trials": ("bench.gpu.vae", 150),
}
_SECONDS = 540
#: So much longer may a part take than it was told.
_GRACE = 30.0


@dataclass
class Session:
    """What a part measures on and where its figures go. ends_at : time.monotonic() after which nothing is begun."""

    device: torch.device
    is_tiny: bool
    ends_at: float
    figures: dict = field(default_factory=dict)

    def say(self, name: str, words: str, **figures) -> None:
        """Print a figure and keep it."""
        self.figures[name] = figures
        print(f"{name}: {words}", flush=True)

    def has_time(self, name: str, seconds: float) -> bool:
        """Return whether so many seconds are left; says so where they are not."""
        left = self.ends_at - time.monotonic()
        if self.is_tiny or left > seconds:
            return True
        self.say(name, f"left out: {left:.0f} s left, wanted {seconds:.0f}", left_out=True)
        return False

    def finish(self) -> None:
        """Wait until the device has done what it was told."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def seconds(self, run) -> float:
        """Return how long something takes until the device has done it."""
        self.finish()
        started = time.perf_counter()
        run()
        self.finish()
        return time.perf_counter() - started


def main(arguments=()) -> int:
    """Return 1 where a part failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"all, where none is named: {', '.join(PARTS)}")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="sizes that only show that it runs")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="all together")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--here", action="store_true", help="in this process, which a part that hangs would take along")
    options = parser.parse_args(list(arguments))
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]!r}: expected some of {', '.join(PARTS)}")
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("no GPU, so nothing measured; --device cpu --tiny shows that it runs")
        return 0
    ends_at, failed = time.monotonic() + options.seconds, []
    figures: dict = {"machine": machine(options.device)}
    if not options.here:
        print(json.dumps(figures["machine"]), flush=True)
    for name in options.parts or PARTS:
        left = ends_at - time.monotonic()
        if left < 15:
            print(f"{name}: left out: {left:.0f} s left", flush=True)
            continue
        seconds = min(left, 600 if options.tiny else PARTS[name][1])
        run = measured_here if options.here else measured_apart
        figures[name] = run(name, options.device, options.tiny, seconds)
        failed += [name] if "failed" in figures[name] else []
        if options.json:
            options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if not options.here:
        print(f"\ndone; failed: {', '.join(failed) or 'none'}", flush=True)
    return 1 if failed else 0


def measured_here(name: str, device: str, is_tiny: bool, seconds: float) -> dict:
    """Return the figures of a part, those until it failed and why where it did."""
    session = Session(torch.device(device), is_tiny, time.monotonic() + seconds)
    started = time.monotonic()
    print(f"\n== {name} ==", flush=True)
    try:
        getattr(importlib.import_module(PARTS[name][0]), name)(session)
    except Exception as error:  # whatever it is, the other parts are measured
        session.figures["failed"] = f"{type(error).__name__}: {error}"
        print(f"{name} FAILED: {session.figures['failed'][:2000]}", flush=True)
    session.figures["seconds"] = round(time.monotonic() - started, 1)
    return session.figures


def measured_apart(name: str, device: str, is_tiny: bool, seconds: float) -> dict:
    """Return the same from a process of its own, which is ended where it takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        try:
            # A part looks at its time before it begins something; what goes on beyond that hangs.
            subprocess.run(command_of(name, device, is_tiny, seconds, file), timeout=seconds + _GRACE, check=False)
        except subprocess.TimeoutExpired:
            print(f"{name} FAILED: ended after {seconds + _GRACE:.0f} s", flush=True)
            return {"failed": f"ended after {seconds + _GRACE:.0f} s"}
        if not file.is_file():
            return {"failed": "its process died"}
        return json.loads(file.read_text())[name]


def command_of(name: str, device: str, is_tiny: bool, seconds: float, file: Path) -> list[str]:
    command = [sys.executable, "-m", "bench.gpu", name, "--device", device, "--json", str(file), "--here"]
    return [*command, "--seconds", str(seconds), *(["--tiny"] if is_tiny else [])]


def machine(device: str) -> dict:
    """Return what is measured on."""
    is_cuda = device.startswith("cuda")
    name = torch.cuda.get_device_name(device) if is_cuda else f"{torch.get_num_threads()} threads of a CPU"
    return {"device": name, "torch": torch.__version__, "cuda": torch.version.cuda if is_cuda else None}
