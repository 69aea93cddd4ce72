"""The whole flow on a synthetic collection: every arrow of the design once, through the running site.

Nothing here is special to the demo but the people: they are simulated, they see the pictures over HTTP as a
browser would, and judge them by the known truth of the synthetic face.
"""

import math
import secrets
import time
from dataclasses import dataclass

import numpy as np
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from analysis.models import Evaluation, Report
from analysis.services.reports import create_report, publish_report
from annotation import crowd
from annotation.models import Participation, Study
from annotation.recruiters import simulated
from annotation.services.consensus import settle_questions
from annotation.services.releases import freeze_release
from annotation.services.studies import create_questions, create_study, entry_url, open_study
from config.admin import RESEARCHERS
from config.progress import bar
from learning import recipes
from learning.models import Run
from learning.services import create_run
from learning.tasks import train_run
from triplets import synthetic
from triplets.models import Collection, Release, Stimulus
from triplets.services.stimuli import import_stimuli

RECRUITER = "simulated"
MIX = {"careful": 0.75, "noisy": 0.15, "spammer": 0.10}


class DemoFailed(RuntimeError):
    """A step of the demo did not end as it should; the message says which and why."""


@dataclass(frozen=True)
class Crowd:
    """The simulated people of one study: their models, and the identity that each has at our site."""

    models: list
    external_ids: list[str]

    def of_kind(self, is_spammer: bool) -> list[str]:
        return [
            name
            for name, model in zip(self.external_ids, self.models, strict=True)
            if (model.kind == "spammer") is is_spammer
        ]


def build_collection(folder, n_subjects: int, seed: int) -> Collection:
    """Draw the faces, write them as anybody's files would be, and import these."""
    name = f"synthetic-{n_subjects}x25"
    stimuli = synthetic.make_collection(n_subjects, seed)
    with bar("drawing faces", len(stimuli)) as progress:
        manifest = synthetic.write_collection(
            folder, stimuli, n_jobs=2, progress=lambda done: progress.update(done - progress.n)
        )
    with bar("importing", len(stimuli)) as progress:
        import_stimuli(
            name,
            manifest,
            images=folder,
            landmarks=folder / "landmarks.npz",
            scheme="synthetic-83",
            licence="CC0",
            title=f"Synthetic faces, {n_subjects} people x 25 expressions",
            source="Drawn by triplets.synthetic.",
            progress=lambda done, total: progress.update(done - progress.n),
        )
    return Collection.objects.get(name=name)


def build_study(collection: Collection) -> Study:
    number = Study.objects.filter(name__startswith="demo").count() + 1
    study = create_study(f"demo-{number}", collection, "triplet", title=f"Which face feels the same? ({number})")
    create_questions(study)
    open_study(study)
    study.refresh_from_db()
    return study


def answer(study: Study, n_annotators: int, seed: int, n_threads: int = 6) -> Crowd:
    """Let simulated people answer the study over HTTP until nothing is left to answer.

    They come in two waves: first everybody takes an equal share, then those who are still welcome answer what
    the exclusion of others has opened again.
    """
    pictures = Stimulus.objects.filter(collection=study.collection).exclude(picture="")
    truth = dict(pictures.values_list("picture_sha256", "action_units"))
    units = np.array([[movements.get(name, 0.0) for name in synthetic.ACTION_UNITS] for movements in truth.values()])
    judge = simulated.KnownPictures(dict(zip(truth, synthetic.perceptual_embedding(units), strict=True)))

    models = crowd.sample_crowd(n_annotators, MIX, seed)
    names = [f"{study.name}-{secrets.token_hex(8)}" for _ in models]
    shares = [math.ceil(study.n_slots_planned / n_annotators), None]
    n_wanted = study.n_slots_planned * (study.batch_size + study.n_gold_per_batch)
    n_saved = 0
    with bar("people answer over HTTP", n_wanted) as progress:
        for wave, n_batches in enumerate(shares):
            people = [
                simulated.SimulatedAnnotator(model, name, n_batches, seed=(seed * 100_003 + i) * 2 + wave)
                for i, (model, name) in enumerate(zip(models, names, strict=True))
            ]
            visits = simulated.answer_study(
                lambda person: entry_url(study, external_id=person.name, recruiter=RECRUITER),
                people,
                judge,
                n_threads=n_threads,
                progress=lambda done, before=n_saved: progress.update(before + done - progress.n),
            )
            n_saved += sum(visit.n_responses for visit in visits)
    return Crowd(models, names)


def settle_and_freeze(study: Study) -> Release:
    with bar("settling and freezing", 2) as progress:
        settle_questions(study)
        progress.update(1)
        release = freeze_release(study)
        progress.update(1)
    return release


def retrain(release: Release, seed: int, changes: dict | None = None) -> Run:
    """Queue a run and watch the trainer work on it."""
    run = create_run(release, recipes.DEFAULT, changes, seed=seed)
    train_run.delay(run.pk)
    with bar("retraining (queue gpu)", None) as progress:
        deadline = time.monotonic() + 600
        while not run.is_over:
            if time.monotonic() > deadline:
                raise DemoFailed(f"{run} is {run.status} after ten minutes; is the trainer running?")
            time.sleep(0.3)
            run.refresh_from_db()
            progress.total = run.n_steps or None
            progress.update(run.step - progress.n)
    if run.status != Run.Status.FINISHED:
        raise DemoFailed(f"{run} ended as {run.status}: {run.message}")
    return run


def evaluate_and_publish(run: Run, user) -> Report:
    """Wait for the evaluation that follows every run by itself, and publish its report."""
    with bar("evaluating (queue gpu)", 1) as progress:
        deadline = time.monotonic() + 600
        while True:
            evaluation = Evaluation.objects.filter(checkpoint__run=run).first()
            if evaluation and evaluation.status == Evaluation.Status.FAILED:
                raise DemoFailed(f"{evaluation} failed: {evaluation.message}")
            if evaluation and evaluation.status == Evaluation.Status.FINISHED:
                break
            if time.monotonic() > deadline:
                raise DemoFailed(f"no evaluation of {run} after ten minutes; is the trainer running?")
            time.sleep(0.3)
        progress.update(1)
    report = evaluation.reports.first() or create_report(evaluation)
    return publish_report(report, user)


def make_login() -> tuple:
    """Return a researcher's account with a new random password; it has no right on accounts."""
    password = secrets.token_urlsafe(12)
    user, _ = get_user_model().objects.get_or_create(username="researcher", defaults={"is_staff": True})
    user.set_password(password)
    user.is_staff = True
    user.save()
    user.groups.add(Group.objects.get(name=RESEARCHERS))
    return user, password


def figures(study: Study, people: Crowd, release: Release, run: Run, report: Report) -> dict:
    """Return the figures of `var/demo.json`, each read from where the site keeps it."""
    joined = Participation.objects.filter(study=study)
    excluded = set(joined.exclude(exclusion="").values_list("annotator__external_id", flat=True))
    results = report.evaluation.results
    test = {name: values["test"]["all"]["value"] for name, values in results["baselines"].items()}
    ceilings = results["ceilings"]["test"]["all"]
    return {
        "n_stimuli": study.collection.n_stimuli,
        "n_triplets": release.n_triplets,
        "n_responses": release.n_responses,
        "n_annotators": joined.count(),
        "n_excluded": len(excluded),
        "n_spammers": len(people.of_kind(True)),
        "spammers_caught": len(excluded.intersection(people.of_kind(True))),
        "honest_excluded": len(excluded.intersection(people.of_kind(False))),
        "satisfied_test": results["satisfied"]["test"]["all"]["value"],
        "satisfied_raw": test["raw"],
        "satisfied_neutral_difference": test["neutral_difference"],
        "ceiling_one_person": ceilings["one_person"]["value"],
        "ceiling_oracle": ceilings["oracle"]["value"],
        "probe_accuracy": results["probe"]["embedding"]["accuracy"],
        "probe_accuracy_raw": results["probe"]["raw"]["accuracy"],
        "train_seconds": round((run.finished_at - run.started_at).total_seconds(), 1),
        "report_url": f"{settings.SITE_URL}/reports/{report.address}/",
    }
