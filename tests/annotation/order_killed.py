"""Processes that send orders to local recruiters and may be killed in the middle of it.

python -m tests.annotation.order_killed, with DATABASE_URL or VAR_DIR and the recruiters' addresses in the environment.
Reads steps from standard input and does each in a process of its own, forked from this one because Django takes
seconds to start. Answers each with lines of JSON: the process's number, what the step found, how the process ended.

Steps: prepare (a site with a researcher and a study for each recruiter), work RECRUITER ADDRESS (somebody hands in
without having answered, which leaves the decision to the researcher), deliver (what the scheduler does every
minute), settle (the same, hours later, until nothing is open).
"""

import json
import os
import sys
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
CURRENCIES = {"mturk": "USD", "prolific": "GBP"}
PROLIFIC_PERSON = "a" * 24


def prepare() -> dict:
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group
    from django.core.management import call_command
    from django.test import Client

    from config.admin import RESEARCHERS
    from tests.annotation.postings_made import paid_study

    call_command("migrate", verbosity=0)
    rita = get_user_model().objects.create(username="rita", is_staff=True)
    rita.groups.add(Group.objects.get(name=RESEARCHERS))
    client = Client()
    client.force_login(rita)
    studies = {name: paid_study(name=name, currency=currency).pk for name, currency in CURRENCIES.items()}
    return {"session": client.cookies["sessionid"].value, "studies": studies}


def work(recruiter: str, url: str) -> dict:
    from annotation.models import Posting
    from annotation.services import postings
    from tests.annotation import market

    posting = Posting.objects.get(recruiter=recruiter)
    if recruiter == "mturk":
        market.work(url, "A1ALICE", posting.external_id)
    else:
        started = {"participant_id": PROLIFIC_PERSON, "study_id": posting.external_id}
        submission = json.loads(market.post(url, "/participant/start", started)[1])["submission_id"]
        market.post(url, "/participant/complete", {"submission_id": submission, "code": "DONE"})
    postings.collect_submissions(posting)
    return {"submission": posting.submissions.get().pk}


def deliver() -> dict:
    from annotation.tasks import tend_orders

    tend_orders()
    return {}


def settle() -> dict:
    """Return how every order ended."""
    from django.db.models import F

    from annotation.models import OutboxEntry
    from annotation.services.outbox import SENT_SECONDS

    for _ in range(4):
        for name in ("sent_at", "not_before"):
            OutboxEntry.objects.update(**{name: F(name) - timedelta(seconds=SENT_SECONDS + 1)})
        deliver()
    return {"orders": list(OutboxEntry.objects.values_list("posting__recruiter", "kind", "state"))}


STEPS = {"prepare": prepare, "work": work, "deliver": deliver, "settle": settle}


def main() -> None:
    django.setup()
    for line in sys.stdin:
        step, *arguments = line.split()
        if (child := os.fork()) == 0:
            print(json.dumps(STEPS[step](*arguments)), flush=True)
            os._exit(0)
        print(json.dumps({"process": child}), flush=True)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}), flush=True)


if __name__ == "__main__":
    main()
