"""One training a device: two workers of a machine that see the same GPU take turns, whatever ends them."""

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import torch

from config import supervisor
from learning import devices, services
from learning.models import Run
from tests.learning.made import FakeTrainer, make_release, make_run

HOLDER = """
import sys, time
from pathlib import Path
from learning import devices
with devices.held(Path(sys.argv[1]), "GPU-1", goes_on=lambda: True):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_device_is_known_by_its_uuid_and_a_cpu_is_shared(monkeypatch):
    assert devices.identity("cpu") is None and devices.identity("auto") is None  # no GPU here
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    known = {"cuda:0": "GPU-a", "cuda:1": "GPU-b", "cuda": "GPU-a"}
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda d: SimpleNamespace(uuid=known[str(d)]))
    assert devices.identity("auto") == devices.identity("cuda:0") == "GPU-a"
    assert devices.identity("cuda:1") == "GPU-b" and devices.identity("cpu") is None
    assert devices.identity("magic") is None  # training says what is wrong


def test_a_device_is_held_by_one_process_and_let_go_when_it_is_killed(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with devices.held(tmp_path, "GPU-1", goes_on=lambda: False) as is_held:
        assert not is_held
    with devices.held(tmp_path, "GPU-2", goes_on=lambda: False) as is_held:
        assert is_held  # another one is free
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with devices.held(tmp_path, "GPU-1", goes_on=lambda: False) as is_held:
        assert is_held


@pytest.mark.django_db(transaction=True)
def test_a_run_waits_in_the_queue_while_its_device_trains_another(settings, tmp_path, monkeypatch):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    monkeypatch.setattr(devices, "identity", lambda name: "GPU-1")
    release = make_release(tmp_path)
    first, second, third = (make_run(release) for _ in range(3))
    seen, ended = [], []

    def look(step):
        if not waiting:
            for run in (second, third):
                thread = threading.Thread(target=lambda pk=run.pk: ended.append(train(pk)))
                thread.start()
                waiting.append(thread)
        time.sleep(0.3)
        seen.append(list(Run.objects.order_by("pk").values_list("status", flat=True)))
        services.stop_run(Run.objects.get(pk=third.pk))

    def train(pk):
        from django.db import connection

        try:
            return services.execute_run(pk, train=FakeTrainer(1))
        finally:
            connection.close()

    waiting: list[threading.Thread] = []
    assert services.execute_run(first.pk, train=FakeTrainer(2, at_step=look)) == "finished"
    for thread in waiting:
        thread.join(30)
    assert seen[0] == ["running", "queued", "queued"]
    statuses = list(Run.objects.order_by("pk").values_list("status", flat=True))
    assert statuses == ["finished", "finished", "stopped"] and sorted(ended, key=str) == [None, "finished"]


def test_the_site_starts_one_trainer_a_device(monkeypatch):
    def trainers():
        return [part for part in supervisor.site_parts("127.0.0.1", 8000) if "gpu" in part.command]

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    assert [part.environment for part in trainers()] == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "3"}]
    assert len({part.command[part.command.index("--hostname") + 1] for part in trainers()}) == 2
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(supervisor.glob, "glob", lambda pattern: [])
    assert [part.environment for part in trainers()] == [{}]
    commands = [part.command for part in supervisor.site_parts("127.0.0.1", 8000)]
    queues = [command[command.index("--queues") + 1] for command in commands if "--queues" in command]
    assert sorted(queues) == ["default", "evaluation", "gpu"]
