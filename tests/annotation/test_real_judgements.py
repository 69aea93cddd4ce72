"""Real people's triplets (cfd36), all the way: imported, filtered, settled, frozen."""

import csv

import numpy as np
import pytest
from django.db.models import Avg

from annotation.models import Participation, Response
from annotation.services.consensus import settle_questions
from annotation.services.imports import import_responses
from annotation.services.releases import freeze_release
from tests.annotation.votes import bare_study
from triplets import archive
from triplets.models import Collection, Question, Stimulus, Subject

pytestmark = [pytest.mark.django_db, pytest.mark.shared_data]


@pytest.fixture
def cfd36(shared_data):
    folder = shared_data / "cfd36"
    collection = Collection.objects.create(name="cfd36")
    with open(folder / "stimuli.csv", newline="") as file:
        for row in csv.DictReader(file):
            subject, _ = Subject.objects.get_or_create(collection=collection, name=row["subject"])
            Stimulus.objects.create(
                collection=collection, subject=subject, key=row["stimulus"], class_label=row["expression"]
            )
    study = bare_study(name="real", collection=collection)
    return study, folder / "responses.csv"


def test_the_file_says_what_its_description_says(cfd36):
    study, path = cfd36
    imported = import_responses(study, path)
    assert (imported.n_responses, imported.n_new, imported.n_annotators) == (20_240, 20_240, 20)
    responses = Response.objects.filter(study=study)
    by_role = {
        role: responses.filter(question__role=role).count() for role in ("ordinary", "shared", "gold", "practice")
    }
    assert by_role == {"ordinary": 14_941 + 3_938, "shared": 240, "gold": 1_121, "practice": 0}
    random = responses.filter(question__role="ordinary")
    assert random.filter(question__split="test").count() == 3_938
    assert set(random.values_list("question__sampler", flat=True)) == {"random"}
    checks = responses.filter(question__role="gold")
    assert checks.filter(is_right=True).count() / checks.count() == pytest.approx(0.956, abs=0.0005)
    worst = min(part.accuracy for part in Participation.objects.filter(study=study))
    assert worst == pytest.approx(0.811, abs=0.0005)
    assert imported.n_excluded == 0
    # "First" of the file stood on the left; ours is canonical, so the left side is what must agree.
    sides = responses.values_list("choice", "is_first_left")
    left = sum((choice == "first") == is_first_left for choice, is_first_left in sides)
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert left == sum(row["chosen"] == row["first"] for row in rows)
    assert left / len(rows) == pytest.approx(0.504, abs=0.0005)
    assert np.median(responses.values_list("response_ms", flat=True)) == pytest.approx(1450, abs=10)
    assert responses.aggregate(x=Avg("response_ms"))["x"] == pytest.approx(np.mean([int(row["rt_ms"]) for row in rows]))
    assert responses.filter(is_fast=True).count() == sum(int(row["rt_ms"]) < 250 for row in rows)
    again = import_responses(study, path)
    assert (again.n_responses, again.n_new) == (20_240, 0)
    assert responses.count() == 20_240


def test_a_strict_filter_sets_people_aside_and_their_votes_with_them(cfd36):
    study, path = cfd36
    study.gold_threshold = 0.9
    study.save()
    imported = import_responses(study, path)
    bad = {part.pk for part in Participation.objects.filter(study=study) if part.accuracy < 0.9}
    assert imported.n_excluded == len(bad) > 0
    settle_questions(study)
    release = freeze_release(study)
    assert release.manifest["settings"]["n_excluded"] == len(bad)


def test_settled_and_frozen_it_holds_what_people_chose(cfd36, tmp_path):
    study, path = cfd36
    import_responses(study, path)
    settled = settle_questions(study)
    assert settled.n_settled + settled.n_open == Question.objects.filter(role__in=["ordinary", "shared"]).count()
    release = freeze_release(study, tmp_path / "release")
    frozen = archive.read_release(tmp_path / "release")
    assert frozen.sha256 == release.sha256
    assert len(frozen.triplets) == settled.n_settled == release.n_triplets
    table = frozen.responses()
    assert table.num_rows == release.n_responses == 20_240
    # Count the votes again from the file, by triplet and split, and compare every one.
    votes = {}
    seen = set()
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            key = (row["reference"], *sorted([row["first"], row["second"]]), row["split"], row["kind"] == "validation")
            if row["kind"] != "check" and (row["worker"], key) not in seen:
                seen.add((row["worker"], key))
                counts = votes.setdefault(key, {row["first"]: 0, row["second"]: 0})
                counts[row["chosen"]] += 1
    expected = {}
    for (reference, first, second, split, is_shared), counts in votes.items():
        if counts[first] != counts[second]:
            winner = max(counts, key=counts.get)
            loser = second if winner == first else first
            expected[(reference, winner, loser, split, is_shared)] = (counts[winner], sum(counts.values()))
    t, keys = frozen.triplets, frozen.stimuli.key
    shared = {row["question"] for row in table.select(["question", "role"]).to_pylist() if row["role"] == "shared"}
    found = {
        (keys[a], keys[p], keys[n], split, question in shared): (n_positive, n_votes)
        for a, p, n, split, question, n_positive, n_votes in zip(
            t.anchor, t.positive, t.negative, t.split, t.question, t.n_positive, t.n_votes, strict=True
        )
    }
    assert found == expected
    same = freeze_release(study)
    assert (same.pk, same.sha256) == (release.pk, release.sha256)
    class_of = dict(zip(keys, frozen.stimuli.class_label, strict=True))
    credit = []
    for row in table.to_pylist():
        if row["role"] == "ordinary":
            is_alike = [class_of[row["reference"]] == class_of[row[name]] for name in ("first", "second")]
            right_one = row["first" if is_alike[0] else "second"]
            credit.append(0.5 if is_alike[0] == is_alike[1] else float(row["chosen"] == right_one))
    assert np.mean(credit) == pytest.approx(0.619, abs=0.0005)


def test_no_name_of_a_worker_leaves(cfd36, tmp_path):
    study, path = cfd36
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    header, rows = rows[0], rows[1:3000]
    place = header.index("worker")
    for row in rows:
        row[place] = f"worker-of-{row[place]}"
    disguised = tmp_path / "disguised.csv"
    with open(disguised, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    import_responses(study, disguised)
    release = freeze_release(study, tmp_path / "release")
    secrets = {row[place].encode() for row in rows} | {study.pseudonym_key.encode(), b"worker-of"}
    secrets |= {code.encode() for code in Participation.objects.values_list("annotator__code", flat=True)}
    files = [file for file in (tmp_path / "release").rglob("*") if file.is_file()]
    with release.archive.open("rb") as file:
        contents = [*(file.read_bytes() for file in files), file.read()]
    # Parquet is packed: its columns are read as well.
    contents.append(str(archive.read_release(tmp_path / "release").responses().to_pylist()).encode())
    for secret in secrets:
        assert not any(secret in content for content in contents), secret
