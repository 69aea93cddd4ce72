"""One row of everything, and the four who knock at every door: stranger, annotator, researcher, superuser."""

from dataclasses import dataclass

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import URLPattern, get_resolver

from analysis import study_report as study_report_module
from analysis.services.policies import set_policy
from analysis.services.study_reports import create_study_report
from annotation.models import (
    Budget,
    Consensus,
    OutboxEntry,
    Participation,
    Posting,
    ReplacementDecision,
    Study,
    Submission,
)
from annotation.services import entrances, links
from annotation.services.assignments import claim_assignment
from config.admin import RESEARCHERS
from learning.services import create_search, create_study_run
from tests.analysis.made import make_checkpoint, make_report
from tests.analysis.studies import made_up
from tests.annotation.making import answer, enter, make_study, work
from triplets.models import Errand, Question, Release
from triplets.services.pictures import picture_token
from triplets.services.tokens import create_release_token

ROLES = ("stranger", "annotator", "researcher", "superuser")
#: What is looked up instead of a real row where nobody made one.
NOWHERE = {"pk": 0, "id": 0, "object_id": "0", "content_type_id": "0", "url": "nowhere", "app_label": "triplets",
           "number": 0}  # fmt: skip


@dataclass(frozen=True)
class World:
    study: Study
    alice: Participation
    release: Release
    report: object
    study_report: object
    posting: Posting


def make_world(folder) -> World:
    """Make one row of every table that has a page; Alice is in the middle of a batch, Bob has finished his."""
    report = make_report(make_checkpoint(folder))
    study = make_study(n_questions=6, n_practice=2, batch_size=3)
    work(study, "bob", n_batches=1)
    alice = enter(study)
    answer(claim_assignment(study, alice.annotator), 0)
    posting = Posting.objects.create(study=study, recruiter="mturk", title="Faces", description="Compare faces",
                                     reward="0.50", currency="USD", n_places=3, cost="1.80", state="open")  # fmt: skip
    submission = Submission.objects.create(posting=posting, annotator=alice.annotator, participation=alice,
                                           external_id="3ABC")  # fmt: skip
    OutboxEntry.objects.create(key="approve 3ABC", kind="approve", posting=posting, submission=submission)
    Budget.objects.create(study=study, amount="100.00")
    question = Question.objects.filter(question_set=study.question_set, role="ordinary").first()
    Consensus.objects.create(study=study, question=question, n=5, verdict="first", n_first=5, weight=5)
    ReplacementDecision.objects.create(study=study, target=4, good=1, in_flight=3, needed=0, n_created=0, reason="none")
    release = report.evaluation.release
    create_release_token("for a colleague", release)
    Errand.objects.create(kind="release", question_set=study.question_set, status="running", doing="writing responses")
    set_policy(study, "topological-vae", 100)
    create_search(release, "topological-vae", ["learning_rate=1e-4..1e-2"], n_rounds=1, n_trials=1)
    create_study_run(release, "vgg16-attributes")
    Group.objects.create(name="guests")
    User.objects.create_user("somebody")
    study_report = create_study_report(study_report_module.study_results(made_up("vgg16-attributes", folder / "study")))
    return World(study, alice, release, report, study_report, posting)


def client_of(role: str) -> Client:
    """Return a browser: nobody's, or one in which a researcher or a superuser is logged in."""
    client = Client()
    if role in ("researcher", "superuser"):
        user = User.objects.create_user(role, is_staff=True, is_superuser=role == "superuser")
        if role == "researcher":
            user.groups.add(Group.objects.get(name=RESEARCHERS))
        client.force_login(user)
    return client


def arguments(name: str, names: tuple[str, ...], world: World, role: str) -> dict:
    """Return what to put into an address: real rows for all, but the true token for the annotator only."""
    found = {key: NOWHERE.get(key, "x") for key in names}
    if "token" in found:
        found["token"] = "x" if role != "annotator" else _token(name, world)
    if name.startswith("admin:"):
        found |= {key: str(pk) for key in names if (pk := _row_of(name)) and key in ("pk", "id", "object_id")}
        if "content_type_id" in names:
            study = ContentType.objects.get_for_model(Study)
            found |= {"content_type_id": study.pk, "object_id": world.study.pk}
    if "action" in found:
        found["action"] = "settle"
    if "address" in found:
        one = world.study_report if name.startswith("analysis:study") else world.report
        found["address"] = one.address
    if name in ("analysis:report-member", "analysis:study-member"):
        found["name"] = "results.json" if name == "analysis:report-member" else "study.json"
    if name.startswith("triplets:release"):
        found |= {key: value for key, value in {"name": world.release.name, "path": "triplets.csv"}.items()
                  if key in names}  # fmt: skip
    return found


def _token(name: str, world: World) -> str:
    return {
        "annotation:join": lambda: links.entry_url(world.study, "alice").rsplit("/", 1)[-1],
        "annotation:enter_mturk": lambda: entrances.posting_url(world.posting).rsplit("/", 1)[-1],
        "triplets:picture": lambda: picture_token(world.study.collection.stimuli.first().pk),
    }.get(name, lambda: links.participation_token(world.alice))()


def model_of(name: str):
    """Return the model of an admin route such as admin:auth_user_add, None for pages that belong to none."""
    parts = name.removeprefix("admin:").split("_")
    try:
        return apps.get_model(parts[0], parts[1])
    except (LookupError, IndexError):
        return None


def _row_of(name: str):
    model = model_of(name)
    row = None if model is None else model._default_manager.order_by("pk").first()
    return row and row.pk


def routes(resolver=None, namespaces=()) -> list[tuple[str, tuple[str, ...]]]:
    """Return (name, parameters) of every address that the site answers at, from the resolver itself."""
    found = []
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLPattern):
            name = ":".join([*namespaces, entry.name or ""])
            found.append((name, tuple(entry.pattern.regex.groupindex)))
        else:
            found += routes(entry, namespaces + ((entry.namespace,) if entry.namespace else ()))
    return found
