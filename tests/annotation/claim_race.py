"""Many threads claim every slot of a study on a real database, in a process of its own. Prints one JSON object.

python -m tests.annotation.claim_race N_THREADS N_BATCHES REPLICAS, with DATABASE_URL or VAR_DIR in the environment.
"""

import json
import os
import sys
import threading
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def race(n_threads: int, n_batches: int, n_replicas: int) -> dict:
    from django.core.management import call_command
    from django.db import connection

    from annotation.models import Assignment, Presentation, Slot
    from tests.annotation.making import make_collection, make_study

    call_command("migrate", verbosity=0)
    study = make_study(
        n_questions=n_batches, n_gold=2, batch_size=1, responses_per_question=n_replicas,
        collection=make_collection(n_stimuli=20, size=4),
    )  # fmt: skip
    barrier, claimed, errors = threading.Barrier(n_threads), [], []

    def person(number: int):
        from annotation.services.assignments import claim_assignment
        from annotation.services.claiming import claim_at_once
        from tests.annotation.making import enter, finish

        def claim():  # as the page does
            begun = claim_at_once(participation.pk)
            return claim_assignment(study, participation.annotator) if begun is None else begun.assignment

        try:
            participation = enter(study, f"p{number}")
            barrier.wait()
            while (assignment := claim()) is not None:
                claimed.append(assignment.slot_id)
                finish(assignment)
        except Exception as error:
            errors.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=person, args=[i]) for i in range(n_threads)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "vendor": connection.vendor,
        "n_slots": Slot.objects.count(),
        "n_done": Slot.objects.filter(state="done").count(),
        "n_claimed": len(claimed),
        "n_distinct": len(set(claimed)),
        "n_assignments": Assignment.objects.filter(state="completed").count(),
        "n_without_questions": Assignment.objects.exclude(pk__in=Presentation.objects.values("assignment")).count(),
        "errors": errors,
        "seconds": round(time.monotonic() - started, 2),
    }


if __name__ == "__main__":
    django.setup()
    print(json.dumps(race(*map(int, sys.argv[1:4]))))
