"""Fifty threads claim two thousand slots, on PostgreSQL and on SQLite: none twice, none lost, none over the number.

`python -m bench.claiming [THREADS] [SLOTS]`. Each thread is one person who claims, finishes and claims again until
nothing is left for them, so that all of them meet at the last slots. Two threads of every ten are the same person in
two tabs. Fails where a count is not what it must be.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

REPLICAS = 5
N_STIMULI = 24


def main(n_threads: int = 50, n_slots: int = 2_000) -> None:
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # PostgreSQL's wheel looks for a place for its socket
        from tests.servers import start_postgres

        url, server = start_postgres()
        try:
            _run("PostgreSQL", url, folder, n_threads, n_slots)
        finally:
            server.cleanup()
        _run("SQLite", "", folder, n_threads, n_slots)


def _run(name: str, url: str, folder: str, n_threads: int, n_slots: int) -> None:
    environment = os.environ | {"VAR_DIR": f"{folder}/{name}", "DATABASE_URL": url, "LOG_LEVEL": "WARNING",
                                "DJANGO_SETTINGS_MODULE": "config.settings"}  # fmt: skip
    command = [sys.executable, "-m", "bench.claiming", "race", str(n_threads), str(n_slots)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    print(
        f"  {name:10} {found['n_claims']:,} of {n_slots:,} slots claimed by {n_threads} threads in "
        f"{found['seconds']:.1f} s ({found['n_claims'] / found['seconds']:.0f}/s): {found['n_twice']} twice, "
        f"{found['n_lost']} lost, {found['n_over']} batches over the wanted number, "
        f"{found['n_same_person']} batches twice to one person, {found['n_errors']} errors",
        flush=True,
    )
    if any(found[name] for name in ("n_twice", "n_lost", "n_over", "n_same_person", "n_errors")):
        raise RuntimeError(f"the claims are wrong: {found}")


# The race, in a process of its own ----------------------------------------------------------------


def race(n_threads: int, n_slots: int) -> dict:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    from annotation.models import Assignment, Participation, Slot
    from annotation.services.assignments import claim_assignment
    from annotation.services.claiming import claim_at_once
    from tests.annotation.making import enter

    call_command("migrate", verbosity=0)
    study = make_study(n_slots)
    names = [f"person {i - 1 if i % 10 == 9 else i}" for i in range(n_threads)]
    people = {name: enter(study, name) for name in set(names)}
    barrier, claims, errors = threading.Barrier(n_threads), [], []

    def claim(person):  # as the page does
        begun = claim_at_once(person.pk)
        return claim_assignment(study, person.annotator) if begun is None else begun.assignment

    def work(person):
        try:
            barrier.wait()
            while (assignment := claim(person)) is not None:
                is_mine = Assignment.objects.filter(pk=assignment.pk, state="active").update(
                    state="completed", completed_at=timezone.now()
                )
                if is_mine:  # else the person's other tab has just finished the same one
                    claims.append((assignment.slot_id, assignment.batch_id, person.pk))
                    Slot.objects.filter(pk=assignment.slot_id).update(state="done")
        except Exception as error:
            errors.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[people[name]]) for name in names]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    of_batch = Counter(batch for _, batch, _ in claims)
    return {
        "seconds": seconds,
        "n_claims": len(claims),
        "n_twice": len(claims) - len({slot for slot, _, _ in claims}),
        "n_lost": n_slots - Slot.objects.filter(state="done").count(),
        "n_over": sum(n > REPLICAS for n in of_batch.values()),
        "n_same_person": len(claims) - len({(batch, who) for _, batch, who in claims}),
        "n_errors": len(errors) + (Participation.objects.count() != len(people)),
        "errors": errors[:3],
    }


def make_study(n_slots: int):
    """A study of `n_slots` slots, five a batch, one question and one gold question a pass."""
    from annotation.services.studies import create_batches
    from tests.annotation.making import add_questions, make_collection, make_study

    study = make_study(n_questions=0, n_gold=1, batch_size=1, min_gold=0, responses_per_question=REPLICAS,
                       collection=make_collection(N_STIMULI, size=4), is_open=False)  # fmt: skip
    add_questions(study, "ordinary", n_slots // REPLICAS)
    create_batches(study)
    type(study).objects.filter(pk=study.pk).update(state="open")
    study.refresh_from_db()
    return study


if __name__ == "__main__":
    if sys.argv[1:2] == ["race"]:
        print(json.dumps(race(*map(int, sys.argv[2:4]))))
    else:
        main(*map(int, sys.argv[1:3]))
