"""The dress rehearsal: a small study through a local Mechanical Turk, and what is refused before anything starts."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils.connection import ConnectionDoesNotExist

from annotation.models import Annotator, OutboxEntry, Posting, Response, Slot
from annotation.services.payments import set_budget
from config.rehearsal import copying
from config.rehearsal.figures import makespan
from config.rehearsal.perception import perceive
from config.rehearsal.plan import REAL, RehearsalFailed, environment_of
from config.rehearsal.showing import described
from tests.annotation.making import make_collection, make_study, work
from tests.annotation.postings_made import make_posting
from triplets.models import Stimulus
from triplets.synthetic import ACTION_UNITS, perceptual_embedding

ROOT = Path(__file__).resolve().parents[2]
MAKE_STUDY = """
import sys
from pathlib import Path
import django
django.setup()
from django.core.management import call_command
from annotation.services.studies import create_questions, create_study
from triplets import synthetic
from triplets.models import Collection
from triplets.services.stimuli import import_stimuli
call_command("migrate", verbosity=0)
for name, n_people in (("two", 2), ("eight", 8)):
    folder = Path(sys.argv[1]) / name
    manifest = synthetic.write_collection(folder, synthetic.make_collection(n_people, 0))
    import_stimuli(name, manifest, images=folder, scheme="synthetic-83", licence="CC0")
two, eight = Collection.objects.order_by("-name")
study = create_study("tiny", eight, "triplet", responses=3, min_gold=3)
create_questions(study, k_same=1, k_different=0)
classes = sorted(set(two.stimuli.values_list("class_label", flat=True)))
few = {"responses": 3, "min_gold": 4, "n_gold_per_batch": 4, "n_practice": 0}
create_questions(create_study("words", two, "choice", options=classes, gold_threshold=0.5, **few))
create_questions(create_study("scales", two, "rating", ["happy", "old"], **few))
"""


def contents(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file, the database among them."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with a study of each kind; returns what rehearses one of them and checks that the site stays as it was."""
    root = tmp_path_factory.mktemp("rehearsed")
    folder, scratch = root / "site", root / "scratch"
    folder.mkdir(), scratch.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in REAL}
    environment |= {"VAR_DIR": str(folder), "TMPDIR": str(scratch), "DJANGO_SETTINGS_MODULE": "config.settings"}
    subprocess.run([sys.executable, "-c", MAKE_STUDY, str(root / "faces")], cwd=ROOT, env=environment, check=True)
    before = contents(folder)
    # An address that nobody listens at: whoever took it over from the real site would fail.
    real = {"MTURK_ENDPOINT_URL": "http://127.0.0.1:9", "SITE_URL": "http://127.0.0.1:9"}

    def rehearse(*arguments) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", "rehearse", *arguments],
            cwd=ROOT, env=environment | real, capture_output=True, text=True, timeout=500,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert contents(folder) == before
        assert list(scratch.iterdir()) == []
        return done.stdout

    return rehearse


# Who is wrong on one of four gold questions stays, where words are chosen on two: with one, 9 of 18 careful people
# were excluded, and the cap could be reached before three people were left for a question.
ENOUGH = ("--annotators", "9", "--mix", "careful=.8,spammer=.2")


def test_a_study_of_choices_is_rehearsed(site):
    found = json.loads(site("words", *ENOUGH, "--json"))
    assert "labels" in found["perception"]
    assert found["n_settled"] > 0.8 * found["n_questions"]
    (alpha,) = found["agreement"]["alpha"]
    assert alpha["statistic"].endswith("nominal")
    assert 0.3 < alpha["value"] < 1
    consensus = found["consensus"]
    assert consensus["n"] == found["n_settled"]
    assert consensus["right"] > 0.8
    assert sum(row["n"] for row in consensus["labels"]) == consensus["n"]
    assert round(sum((row["found"] or 0) * row["n"] for row in consensus["labels"])) == round(
        consensus["right"] * consensus["n"]
    )


def test_a_study_of_ratings_is_rehearsed_at_prolific(site):
    page = site("scales", *ENOUGH, "--recruiter", "prolific")
    assert "the attributes' values in the manifest" in page
    for words in ("alpha, interval happy", "alpha, ordinal happy", "split-half old", "ICC(1,k) old"):
        (line,) = [line for line in page.splitlines() if line.strip().startswith(words)]
        assert 0.3 < float(line[len(words) + 2 :].split()[0]) <= 1, line
    (line,) = [line for line in page.splitlines() if line.strip().startswith("happy") and "correlation" in line]
    assert float(line.split()[1]) > 0.8


def test_a_small_study_is_rehearsed_at_a_local_mturk(site):
    found = json.loads(
        site("tiny", "--annotators", "12", "--mix", "careful=.75,spammer=.25", "--reward", "0.50", "--bonus", "0.10",
             "--json")
    )  # fmt: skip

    assert "action units" in found["perception"]
    assert found["n_settled"] == found["n_questions"] > 60
    kinds = found["exclusions"]["kinds"]
    assert kinds["spammer"]["n_people"] >= 3
    assert found["exclusions"]["n_excluded"] == sum(kind["n_excluded"] for kind in kinds.values()) >= 1
    assert found["exclusions"]["n_honest_lost"] <= 2
    assert found["n_slots"] > found["n_slots_planned"] == 12  # what was excluded was asked again
    assert found["n_people"] > 12

    cost = {
        name: Decimal(cost) for name, cost in found["cost"].items() if name in ("rewards", "fees", "bonuses", "total")
    }
    assert found["cost"]["n_paid"] == found["n_people"] - found["cost"]["n_unfinished"]  # spammers are paid too
    assert cost["bonuses"] == Decimal("0.12") * found["cost"]["n_bonuses"] > 0
    assert Decimal("0.20") <= cost["fees"] / cost["rewards"] <= Decimal("0.41")
    # What the platform says it costs, beside what the endpoint itself took: fees are rounded up to cents.
    assert abs(cost["total"] - Decimal(found["cost"]["charged"])) <= Decimal("0.05")

    assert found["time"]["person_hours"] > found["time"]["hours"] > 0
    assert sum(level["n"] for level in found["agreement"]["levels"]) == found["n_settled"]
    assert 0.2 < found["agreement"]["alpha"][0]["value"] < 0.95
    levels = {level["weight"]: level["right"] for level in found["consensus"]["levels"]}
    # Sides and gold are drawn by chance that nobody seeds: the bounds are wide enough for 64 questions.
    assert levels[3] > 0.8
    assert 0.75 < found["consensus"]["right"] <= 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody"], "There is no study 'nobody': expected one of empty, tiny"),
        (["tiny", "--mix", "careful=.8"], "--mix: the shares of the mix add up to 0.8: expected 1."),
        (["tiny", "--mix", "wizard=1"], "no kind of annotator is called 'wizard'"),
        (["tiny", "--mix", "careful=many"], "share 'many' of 'careful'"),
        (["tiny", "--annotators", "0"], "--annotators 0: expected at least 1."),
        (["tiny", "--at-once", "0"], "--at-once 0: expected at least 1."),
        (["tiny", "--seed", "-1"], "--seed -1: expected 0 or more."),
        (["tiny", "--reward", "free"], "--reward free: expected a positive amount"),
        (["tiny", "--budget", "-3"], "--budget -3: expected a positive amount"),
        (["tiny", "--recruiter", "link", "--reward", "1"], "People who come by a link are not paid"),
        (["tiny", "--recruiter", "amazon"], "invalid choice: 'amazon'"),
        (["tiny"], "Nothing is known of how the pictures of 'plain' look"),
        (["empty"], "Study 'empty' has no questions yet"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_in_one_sentence(arguments, sentence, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    know(make_study(name="tiny", collection=make_collection(name="plain")))
    make_study(name="empty", n_questions=0, is_open=False)
    with pytest.raises(CommandError) as refusal:
        call_command("rehearse", *arguments)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def know(study, **columns):
    """Give every picture of a study what `columns` say of its number."""
    for number, stimulus in enumerate(Stimulus.objects.filter(collection=study.collection).order_by("pk")):
        fields = {"picture_sha256": f"sha{number}"} | {name: value(number) for name, value in columns.items()}
        Stimulus.objects.filter(pk=stimulus.pk).update(**fields)


@pytest.mark.django_db
class TestPerception:
    def test_action_units_are_seen_as_synthetic_faces_are(self):
        study = make_study()
        know(study, action_units=lambda i: {"AU12": i / 10, "AU6": 0.5}, class_label=lambda i: "happy")
        seen = perceive(study)
        units = np.zeros((2, len(ACTION_UNITS)))
        names = list(ACTION_UNITS)
        units[:, names.index("AU6")], units[1, names.index("AU12")] = 0.5, 0.5
        expected = np.linalg.norm(np.subtract(*perceptual_embedding(units)))
        assert seen.judge.distance("sha0", "sha5") == pytest.approx(expected)
        assert "action units" in seen.source

    def test_classes_are_directions_and_degrees_distances(self):
        study = make_study(n_questions=12)
        know(
            study,
            class_label=lambda i: ("neutral", "happy", "happy", "sad")[i % 4],
            is_neutral=lambda i: i % 4 == 0,
            degree=lambda i: (0, 1, 3, 3)[i % 4],
        )
        seen = perceive(study)
        assert seen.source == "2 classes of expression and their degrees"
        assert seen.judge.distance("sha0", "sha1") == pytest.approx(1 / 3, abs=0.5)
        assert seen.is_first_nearer("sha2", "sha6", "sha3")  # another much happier face, not a sad one
        assert seen.is_first_nearer("sha0", "sha1", "sha2")  # the slighter smile is nearer to neutral
        assert perceive(study).judge.distance("sha2", "sha6") == seen.judge.distance("sha2", "sha6") > 0

    def test_one_class_says_nothing(self):
        study = make_study()
        know(study, class_label=lambda i: "face")
        with pytest.raises(RehearsalFailed, match="Nothing is known"):
            perceive(study)

    def test_rated_attributes_are_standardised(self):
        study = make_study(n_questions=12)
        know(study, attributes=lambda i: {"old": 20 + i % 2, "happy": 100 * (i % 3), "name": "x", "same": 4})
        seen = perceive(study)
        assert seen.source == "3 rated attributes of the manifest (happy, old, same)"
        assert seen.judge.distance("sha0", "sha6") == 0
        # One attribute of two differs by two standard deviations; a clear difference is sqrt(2 * 2).
        assert seen.judge.distance("sha0", "sha3") == pytest.approx(1, abs=0.02)

    def test_ratings_come_from_the_manifest_on_the_scale(self):
        study = make_study(kind="rating")
        with pytest.raises(RehearsalFailed, match="expected a column attribute_happy"):
            know(study)
            perceive(study)
        know(study, attributes=lambda i: {"happy": 40 + i})
        with pytest.raises(RehearsalFailed, match="on the study's scale from 1 to 9"):
            perceive(study)
        know(study, attributes=lambda i: {"happy": 1 + i / 2})
        assert perceive(study).judge.true_value("sha3", "happy") == 2.5

    def test_labels_fit_as_well_as_their_degree_is_high(self):
        study = make_study(kind="choice")
        with pytest.raises(RehearsalFailed, match="is labelled '' in the manifest"):
            know(study)
            perceive(study)
        know(
            study,
            class_label=lambda i: ("neutral", "happy", "happy", "sad")[i % 4],
            is_neutral=lambda i: i % 4 == 0,
            degree=lambda i: (None, 1, 4, 4)[i % 4],
        )
        seen = perceive(study)
        assert seen.source == "3 labels and their degrees"
        best = [seen.best_label(f"sha{i}", study.options) for i in range(4)]
        assert best == ["neutral", "neutral", "happy", "sad"]  # a quarter of a smile looks neutral
        assert perceive(study).judge.fits("sha2", ["sad"]) == seen.judge.fits("sha2", ["sad"]) != [0.0]


@pytest.mark.django_db(transaction=True)
def test_the_copy_holds_the_questions_and_nobody(tmp_path, settings):
    """The real study is half done, has a posting, an order and people: none of that comes along."""
    study = make_study(n_questions=6, name="half-done")
    work(study, "alice", n_batches=1)
    set_budget(study, Decimal(100), "USD")
    settings.MTURK_ENDPOINT_URL = "http://127.0.0.1:9"
    make_posting(study)
    n_done = Slot.objects.filter(study=study, state="done").count()
    assert n_done == 1
    copying.copy_study(study, tmp_path, seed=3)
    with pytest.raises(ConnectionDoesNotExist):
        connections[copying.ALIAS]

    with sqlite3.connect(tmp_path / "semblance.sqlite3") as copy:

        def count(table, where="1=1"):
            return copy.execute(f"SELECT COUNT(*) FROM {table} WHERE {where}").fetchone()[0]

        assert count("triplets_question") == study.question_set.questions.count()
        assert count("annotation_slot") == count("annotation_slot", "state='free'") == study.n_slots_planned
        assert count("annotation_study", "state='draft'") == 1
        for model in (Annotator, Response, Posting, OutboxEntry):
            assert model.objects.exists()
            assert count(model._meta.db_table) == 0
    copied = {path.name for path in (tmp_path / "files").rglob("*.jpg")}
    asked = copying.asked_stimuli(study).values_list("picture", flat=True)
    assert copied == {Path(name).name for name in asked}


def test_nothing_real_is_known_at_a_rehearsal(monkeypatch, tmp_path):
    for name in REAL:
        monkeypatch.setenv(name, "real")
    environment = environment_of(tmp_path, SITE_URL="http://127.0.0.1:1")
    assert "real" not in environment.values()
    assert environment["VAR_DIR"] == str(tmp_path)


def test_people_queue_for_the_places_that_are_free():
    assert makespan([3.0, 1.0, 1.0, 2.0], 2) == 4.0
    assert makespan([5.0, 5.0], 10) == 5.0
    assert makespan([], 3) == 0.0


def test_the_page_names_what_somebody_must_know():
    cost = {
        "currency": "USD", "reward_per_batch": "0.50", "batches_per_place": 2, "n_places": 3, "n_paid": 2,
        "n_unfinished": 1, "rewards": "2.00", "fees": "0.40", "bonuses": "0.00", "n_bonuses": 0, "total": "2.40",
        "charged": "2.40", "budget": None,
    }  # fmt: skip
    result = SimpleNamespace(
        study="smiles", recruiter="mturk", seed=0, perception="2 classes of expression", ended="All is done.",
        n_people=3, n_rounds=1, n_responses=60, n_settled=20, n_questions=20, cost=cost,
        time={"assumed": "x", "hours": 0.1, "people_at_once": 10, "person_hours": 0.2,
              "median_minutes_per_person": 3.0, "median_pay_per_hour": 12.0},
        exclusions={"kinds": {"spammer": {"n_people": 2, "n_excluded": 1}}, "n_honest_lost": 0},
        agreement={"alpha": [{"statistic": "a, nominal", "attribute": "", "value": None, "low": None, "high": None}],
                   "levels": [], "reliability": []},
        consensus={"n": 20, "right": 0.95, "levels": []},
    )  # fmt: skip
    page = described(vars(result))
    for words in ("2.40", "1 of 2", "95.0 %", "not known", "offer fewer batches a place"):
        assert words in page
