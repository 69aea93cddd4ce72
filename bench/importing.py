"""A million judgements from elsewhere in each form: how long the import takes and how its memory grows.

`python -m bench importing`. Each form is imported with a hundred thousand and with a million rows, each time in a
process of its own into an SQLite database of its own, through `import_responses`, filter included. Memory is the
process's peak and, beside it, how much that is above what it held before the import.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

N_STIMULI, N_PEOPLE, VOTES = 20_000, 2_000, 5
OPTIONS = ["happy", "sad", "angry", "neutral"]
SIZES = (100_000, 1_000_000)


def triplets(n: int) -> Iterator[str]:
    yield "reference,first,second,chosen,worker,rt_ms\n"
    for row, (a, b, c, chosen) in enumerate(_trios(n)):
        yield f"f{a:05},f{b:05},f{c:05},f{chosen:05},w{row % N_PEOPLE},{300 + row % 3000}\n"


def salmon_csv(n: int) -> Iterator[str]:
    yield "head_filename,left_filename,right_filename,winner_filename,puid,response_time,network_latency\n"
    for row, (a, b, c, chosen) in enumerate(_trios(n)):
        yield f"f{a:05},f{b:05},f{c:05},f{chosen:05},w{row % N_PEOPLE},{0.3 + row % 3000 / 1000},0.12\n"


def salmon_json(n: int) -> Iterator[str]:
    for row, trio in enumerate(_trios(n)):
        names = zip(("head", "left", "right", "winner"), trio, strict=True)
        record = {f"{name}_filename": f"f{place:05}" for name, place in names}
        yield "[,"[row > 0] + json.dumps(record | {"puid": f"w{row % N_PEOPLE}", "response_time": 1.25})
    yield "]"


def labels(n: int) -> Iterator[str]:
    rng = np.random.default_rng(1)
    chosen = rng.integers(len(OPTIONS), size=n).tolist()
    yield "item,worker,label\n"
    for row, label in enumerate(chosen):
        # One person's labels lie N_PEOPLE rows apart: never twice the same picture until all were seen.
        yield f"f{row % N_STIMULI:05},w{(row // N_STIMULI * 37 + row) % N_PEOPLE},{OPTIONS[label]}\n"


FORMS = {
    "triplets": (triplets, "csv", "triplet"),
    "salmon": (salmon_csv, "csv", "triplet"),
    "salmon-json": (salmon_json, "json", "triplet"),
    "labels": (labels, "csv", "choice"),
}


def main() -> None:
    for form in FORMS:
        for n in SIZES:
            with tempfile.TemporaryDirectory(prefix="semblance-bench-") as folder:
                environment = os.environ | {"VAR_DIR": folder, "LOG_LEVEL": "WARNING", "OMP_NUM_THREADS": "1"}
                environment |= {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": ""}
                command = [sys.executable, "-m", "bench.importing", form, str(n)]
                done = subprocess.run(command, capture_output=True, text=True, env=environment)
                if done.returncode:
                    raise RuntimeError(f"{form} failed:\n{done.stderr[-2000:]}")
                print("  " + done.stdout.splitlines()[-1], flush=True)


def one(form: str, n: int) -> str:
    """Import one file in this process."""
    import django

    django.setup()
    from django.core.management import call_command

    from annotation.services.imports import import_responses
    from annotation.services.studies import create_study
    from triplets.models import Collection, Stimulus

    rows, ending, kind = FORMS[form]
    call_command("migrate", verbosity=0)
    collection = Collection.objects.create(name="faces", n_stimuli=N_STIMULI)
    Stimulus.objects.bulk_create(
        (Stimulus(collection=collection, key=f"f{i:05}", content_sha256=f"{i:064}") for i in range(N_STIMULI)),
        batch_size=1000,
    )
    study = create_study("imported", collection, kind, options=OPTIONS if kind == "choice" else ())
    path = Path(os.environ["VAR_DIR"]) / f"judgements.{ending}"
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(rows(n))
    before, cpu, started = _peak(), time.process_time(), time.perf_counter()
    found = import_responses(study, path)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return (
        f"{form:12} {found.n_new:9,} rows: {seconds:5.1f} s ({cpu:5.1f} s of CPU), peak {_peak():4.0f} MB, "
        f"{_peak() - before:4.0f} MB above the start; {found.n_questions:,} questions"
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _trios(n: int) -> Iterator[list[int]]:
    """Yield reference, left, right and chosen: five answers to each of n / 5 triplets."""
    rng = np.random.default_rng(1)
    trios = np.stack([(start := rng.integers(N_STIMULI, size=n // VOTES)), (start + 1) % N_STIMULI], axis=1)
    trios = np.column_stack([trios, (trios[:, 0] + rng.integers(2, N_STIMULI, size=n // VOTES)) % N_STIMULI])
    trios = np.repeat(trios, VOTES, axis=0)
    chosen = trios[np.arange(len(trios)), 1 + rng.integers(2, size=len(trios))]
    for start in range(0, len(trios), 10_000):
        part = slice(start, start + 10_000)
        yield from np.column_stack([trios[part], chosen[part]]).tolist()


if __name__ == "__main__":
    print(one(sys.argv[1], int(sys.argv[2])))
