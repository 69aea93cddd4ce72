"""How far people agree on a face, what one more of them reaches, and whose ratings a network matches."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from analysis import detail_tables, pages, raters, sentences_of_people
from analysis.evaluation import evaluate
from tests.analysis.picture_checkpoints import picture_checkpoint
from tests.learning.picture_releases import drawn, encoded
from tests.triplets.study_formats import as_text, rated_faces
from triplets.annotators import Annotators
from triplets.archive import read_release
from triplets.importers.__main__ import main as convert
from triplets.records import RESPONSE_SCHEMA


def released(ratings, about=None):
    """Return what is read of a release. ratings : (picture, attribute, rater or None, value, more) each."""
    known = {"kind": "rating", "role": "ordinary", "is_counted": True, "is_repeat": False}
    rows = [
        known | {"reference": f"p{p}", "attribute": a, "annotator": who, "rating": value} | more
        for p, a, who, value, more in ratings
    ]
    columns = {field.name: [row.get(field.name) for row in rows] for field in RESPONSE_SCHEMA}
    n = 1 + max((p for p, *_ in ratings), default=0)
    people = None
    if about:
        keys = sorted(about)
        people = Annotators(np.array(keys), {"sex": np.array([about[key] for key in keys])})
    return SimpleNamespace(
        stimuli=Stimuli([f"p{p}" for p in range(n)]),
        annotators=people,
        responses=lambda: pa.table(columns, schema=RESPONSE_SCHEMA),
    )


class Stimuli:
    def __init__(self, keys):
        self.key = np.array(keys)

    def __len__(self):
        return len(self.key)


def simulated(n=150, n_raters=24, k=8, seed=0, attributes=("happy", "calm"), careless=("w",)):
    """Return (release, truth (n, a)): k of the raters see each picture; women and men, of whom some rate carelessly."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(5, 1, (n, len(attributes)))
    about = {f"{'w' if r % 2 else 'm'}{r:02}": ("woman" if r % 2 else "man") for r in range(n_raters)}
    names = sorted(about)
    rows = []
    for p in range(n):
        for who in rng.permutation(n_raters)[:k]:
            noise = 2.0 if names[who][0] in careless else 0.7
            rows += [(p, a, names[who], truth[p, j] + noise * rng.normal(), {}) for j, a in enumerate(attributes)]
    return released(rows, about), truth


def test_only_counted_first_ratings_are_read_and_the_others_mean_leaves_ones_own_out():
    rows = [
        (0, "happy", "a", 2.0, {}),
        (0, "happy", "b", 4.0, {}),
        (0, "happy", "c", 9.0, {}),
        (0, "happy", "c", 1.0, {"is_repeat": True}),
        (0, "happy", "d", 1.0, {"is_counted": False}),
        (0, "happy", "e", 1.0, {"role": "gold"}),
        (0, "sad", "a", 1.0, {}),
        (1, "calm", None, 3.0, {}),
    ]
    found = raters.single_ratings(released(rows), ("happy", "calm"))
    assert found.value.tolist() == [2, 4, 9, 3] and found.row.tolist() == [0, 0, 0, 1]
    assert found.others.tolist()[:3] == [6.5, 5.5, 3.0] and np.isnan(found.others[3])
    assert [found.raters[r] if r >= 0 else None for r in found.rater] == ["a", "b", "c", None]
    assert len(found.of("calm")) == 1 and len(found.of("unasked")) == 0


def test_a_release_without_responses_has_no_ratings():
    def nothing():
        raise FileNotFoundError

    empty = raters.single_ratings(SimpleNamespace(responses=nothing), ("happy",))
    assert len(empty.value) == 0 and raters.split_half(empty) is None
    assert raters.people(empty, np.arange(3), np.ones(3), np.ones(3), np.array(["a", "b", "c"])) is None
    assert len(raters.single_ratings(released([]), ("happy",)).value) == 0


def test_one_person_is_the_plain_correlation_with_the_others_mean():
    release, truth = simulated()
    ratings = raters.single_ratings(release, ("happy", "calm")).of("happy")
    mean = np.array([ratings.value[ratings.row == p].mean() for p in range(150)])
    at, subject = np.arange(0, 150, 2), np.array([f"s{p}" for p in range(0, 150, 2)])
    found = raters.people(ratings, at, mean[at], truth[at, 0], subject, n_bootstrap=200)
    here = np.isin(ratings.row, at)
    slow = []
    for place in np.flatnonzero(here):
        same = [k for k in range(len(ratings)) if ratings.row[k] == ratings.row[place] and k != place]
        slow.append(ratings.value[same].mean())
    one = stats.pearsonr(ratings.value[here], slow)[0]
    ours = stats.pearsonr(mean[at], truth[at, 0])[0]
    assert found["one_person"]["value"] == pytest.approx(one)
    assert found["lead"]["value"] == pytest.approx(ours - one)
    assert found["lead"]["low"] > 0 and found["one_person"]["low"] < one < found["one_person"]["high"]
    assert (found["n"], found["n_a_picture"], found["lead"]["unit"]) == (1200, 8, "subjects")
    # Half of all ratings have a variance of .49 and half of 4 about a truth of variance 1.
    assert found["icc"] == pytest.approx(1 / (1 + (0.49 + 4) / 2), abs=0.06)
    assert raters.split_half(ratings) == pytest.approx(found["icc_mean"], abs=0.03)


def test_the_interval_of_the_lead_holds_the_truth():
    """A network that is one more person has no lead: its interval holds 0 in about 95 % of studies."""
    inside = 0
    for seed in range(30):
        release, _ = simulated(n=60, k=14, seed=seed, attributes=("happy",), careless=("w", "m"))
        ratings = raters.single_ratings(release, ("happy",))
        # The first rating of each picture plays the network; the others are left to people.
        own = np.unique(ratings.row, return_index=True)[1]
        said, kept = ratings.value[own], ratings.where(np.setdiff1d(np.arange(len(ratings)), own))
        total = np.bincount(kept.row, weights=kept.value)
        kept = replace(kept, others=(total[kept.row] - kept.value) / 12)
        subject = np.array([f"s{p}" for p in range(60)])
        found = raters.people(kept, np.arange(60), total / 13, said, subject, n_bootstrap=200)
        inside += found["lead"]["low"] <= 0 <= found["lead"]["high"]
    assert inside >= 26


def test_groups_of_raters_are_compared_by_single_ratings():
    release, truth = simulated(careless=("w",))
    ratings = raters.single_ratings(release, ("happy", "calm"))
    at = np.arange(20, 150)
    found = raters.by_group(ratings, release, at, truth[at], n_bootstrap=300)
    assert (found["n_raters"], found["n_comparisons"], found["left_out"]) == (24, 1, [])
    women = next(row for row in found["rows"] if row["group"] == "woman")
    name = np.array(ratings.raters)[ratings.rater]
    slow = []
    for k in range(2):
        mine = (ratings.attribute == k) & np.char.startswith(name.astype(str), "w") & (ratings.row >= 20)
        slow.append(stats.pearsonr(ratings.value[mine], truth[ratings.row[mine], k])[0])
    assert women["network"]["value"] == pytest.approx(np.mean(slow)) and women["network"]["unit"] == "annotators"
    assert women["n_raters"] == 12 and women["network"]["n"] == 12
    # Careless people are matched less by the network and by other people alike.
    assert women["difference"]["high"] < 0 and women["person_difference"]["high"] < 0
    said = sentences_of_people.of_raters(found)
    assert "sex woman" in said and "other people match them less too" in said


def test_groups_that_fare_alike_and_groups_too_small():
    release, truth = simulated(careless=())
    ratings = raters.single_ratings(release, ("happy", "calm"))
    found = raters.by_group(ratings, release, np.arange(150), truth, n_bootstrap=200)
    assert "No gap is larger than chance explains" in sentences_of_people.of_raters(found)
    few, truth = simulated(n_raters=8)
    found = raters.by_group(raters.single_ratings(few, ("happy",)), few, np.arange(150), truth[:, :1])
    assert found == {"omitted": "no two groups of 5 people who rated these pictures can be compared"}
    few.annotators = None
    found = raters.by_group(raters.single_ratings(few, ("happy",)), few, np.arange(150), truth[:, :1])
    assert found == {"omitted": "the release tells nothing about the people who rated"}
    said = sentences_of_people.of_raters(found)
    assert said.startswith("Whether it matches some people's ratings better than others'")


COLUMNS = (
    ["calm", "catch", "catchAns", "happy", "subID", "subage", "submale", "subrace", "weird"],
    ["aggressive", "catch", "catchAns", "subID", "subage", "submale", "subrace", "typical"],
)


def test_a_collection_with_its_raters_comes_to_a_report_that_knows_them(tmp_path):
    """From the table of the 10k US Adult Faces, as published, to the page."""
    rng, names = np.random.default_rng(0), [f"Face_{k}.jpg" for k in range(60)]
    folder = tmp_path / "faces"
    (folder / "Face Images").mkdir(parents=True)
    for name in names:
        (folder / "Face Images" / name).write_bytes(encoded(drawn(0, rng, size=24), "JPEG"))
    (folder / "psychology-attributes.csv").write_text(as_text(rated_faces(names, n_rows=8, columns=COLUMNS)))
    told = ["Filename,Image #,Age,Gender"] + [f"{name},{k},{1 + k % 5},{k % 2}" for k, name in enumerate(names)]
    (folder / "demographic-others-labels.csv").write_text("\n".join(told) + "\n")
    assert (
        convert(["us-adult-faces", str(folder), "--out", str(tmp_path / "read"), "--release", str(tmp_path / "r")]) == 0
    )
    release = read_release(tmp_path / "r")
    outputs = ("calm", "happy", "typical", "weird")
    checkpoint = picture_checkpoint(tmp_path / "c.safetensors", release, "attributes", outputs)
    results = evaluate(checkpoint, release, n_bootstrap=100, projections=("pca",), teraflops=0)
    of = results["answers"]["by_split"][results["answers"]["split"]]["attributes"]
    assert set(of) == set(outputs)
    for figures in of.values():
        # A quality between 2 and 8 has a variance of 3; raters err by 1 or 2, 8 of them see a picture.
        assert figures["bounds"]["reliability"] == pytest.approx(3 / (3 + 2.5 / 8), abs=0.06)
        assert figures["people"]["icc_mean"] == pytest.approx(figures["bounds"]["reliability"], abs=0.05)
        assert figures["people"]["n_a_picture"] == 8 and figures["people"]["one_person"]["value"] > 0.3
        assert figures["people"]["lead"]["value"] < 0  # it learnt nothing
    who = results["answers"]["raters"]
    assert {row["field"] for row in who["rows"]} >= {"sex", "age"}
    men = next(row for row in who["rows"] if row["group"] == "male")
    assert men["person"]["value"] < next(r for r in who["rows"] if r["group"] == "female")["person"]["value"]
    html = pages.render_report(results, title="Raters")
    assert "As good as one more person?" in html and "By who rated" in html and "sex: male" in html
    assert html.count("one more person") > 2 and 'data-figure="with-people"' in html
    assert {row["group"] for row in detail_tables.raters(results)} >= {"male", "female"}
    assert [row["attribute"] for row in detail_tables.people_who_rate(results)] == list(outputs)
