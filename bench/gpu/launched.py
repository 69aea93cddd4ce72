"""Several processes on a machine with one GPU: what can be tried with one."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist

from bench.gpu.session import Session
from bench.vae import posed
from learning.distribution import Share, _Gather
from triplets import archive


def launched(session: Session) -> None:
    """Print whether the exchanges work in a world of one, and torchrun trains what a plain process trains."""
    exchanged(session)
    with tempfile.TemporaryDirectory() as folder:
        release = written(Path(folder) / "release")
        own = [str(release), "--recipe", "topological-vae", "--json", "--set", f"device={session.device.type}"]
        own += ["n_steps=100" if not session.is_tiny else "n_steps=4", "validate_every=50"]
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1"]
        elbo = {}
        for name, start in (("plain", []), ("torchrun", launcher)):
            command = [sys.executable, *start, "-m", "learning", *own, "--out", str(Path(folder) / name)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
            if done.returncode:
                raise RuntimeError(f"{name} ended with {done.returncode}: {done.stderr[-1500:]}")
            elbo[name] = json.loads(done.stdout.splitlines()[-1])["metrics"]["validation_elbo"]
    session.say("torchrun", f"validation ELBO {elbo['torchrun']:.5f}, without it {elbo['plain']:.5f}", **elbo)


def exchanged(session: Session) -> None:
    backend = "nccl" if session.device.type == "cuda" else "gloo"
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=os.environ.get("MASTER_PORT", "29517"))
    dist.init_process_group(backend, rank=0, world_size=1)
    try:
        x = torch.arange(6.0, device=session.device).reshape(3, 2).requires_grad_()
        gathered = _Gather.apply(x, 3, 0, Share(0, 1))
        gathered.square().sum().backward()
        said = ["something"]
        dist.broadcast_object_list(said, src=0)
        dist.barrier()
        is_right = torch.equal(gathered.detach(), x.detach()) and torch.equal(x.grad, 2 * x.detach())
    finally:
        dist.destroy_process_group()
    if not is_right:
        raise RuntimeError(f"{backend} gathers other rows, or other gradients, than it was given")
    session.say(backend, "gathers, adds up, tells and waits in a world of one", is_right=is_right)


def written(folder: Path) -> Path:
    faces = posed(10, 200)
    archive.write_release(
        folder, study={"name": "posed"}, collection={"name": "posed", "landmark_scheme": faces.landmarks.scheme},
        settings={}, stimuli=faces.stimuli, landmarks=faces.landmarks, triplets=faces.triplets, ratings=faces.ratings,
        responses=[],
    )  # fmt: skip
    return folder
