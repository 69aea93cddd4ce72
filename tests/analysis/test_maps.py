"""Maps of a space: the same from the same seed, with a trustworthiness that equals its definition."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from analysis import maps, neighbourhood
from triplets.records import Ratings, Stimuli


@pytest.fixture(scope="module")
def clusters():
    rng = np.random.default_rng(1)
    return np.repeat(10 * rng.normal(size=(3, 6)), 20, axis=0) + rng.normal(size=(60, 6))


@pytest.mark.parametrize("n_dims", [2, 3])
def test_trustworthiness_is_that_of_the_library(clusters, n_dims):
    drawn = np.random.default_rng(0).normal(size=(60, n_dims))
    rank = neighbourhood.ranks(clusters)
    for places in (drawn, clusters[:, :n_dims]):
        expected = trustworthiness(clusters, places, n_neighbors=5)
        assert neighbourhood.trustworthiness(rank, places, 5) == pytest.approx(expected)
    assert neighbourhood.trustworthiness(rank, clusters, 5) == 1.0
    assert neighbourhood.trustworthiness(rank[:20, :20], drawn[:20], 12) is None


def test_the_nearest_on_a_line_by_hand(monkeypatch):
    monkeypatch.setattr(neighbourhood, "CHUNK", 2)
    line = np.array([[0.0], [1.0], [3.0], [7.0]])
    assert neighbourhood.nearest(line, 2).tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert neighbourhood.nearest(line, 9).shape == (4, 3)
    assert neighbourhood.ranks(line)[3].tolist() == [3, 2, 1, 0]


def test_a_map_is_the_same_from_the_same_seed_and_keeps_clusters(clusters):
    made = [maps.maps(clusters, methods=["tsne"], seed=4) for _ in range(2)]
    assert made[0] == made[1]
    assert [(m["id"], len(m["points"]), len(m["points"][0])) for m in made[0]] == [("tsne-2", 60, 2), ("tsne-3", 60, 3)]
    points = np.array(made[0][0]["points"])
    middle = points.reshape(3, 20, 2).mean(1)
    assert (np.linalg.norm(points[:, None] - middle[None], axis=2).argmin(1) == np.repeat(range(3), 20)).all()
    assert made[0][0]["trustworthiness"] > 0.9
    assert made[0][0]["settings"] == "perplexity 19.7, seed 4"


def test_umap_too(clusters):
    (flat, deep), (again, _) = (maps.maps(clusters, methods=["umap"], seed=4) for _ in range(2))
    assert flat == again
    assert (flat["method"], flat["n_dims"], deep["n_dims"]) == ("UMAP", 2, 3)
    assert flat["trustworthiness"] > 0.8


def test_few_or_equal_points_make_the_maps_they_can():
    made = maps.maps(np.zeros((6, 3)), methods=["pca", "tsne"])
    assert [m["id"] for m in made] == ["pca-2", "pca-3", "tsne-2", "tsne-3"]
    assert np.isfinite(np.array(made[2]["points"])).all()
    assert [m["id"] for m in maps.maps(np.eye(3), methods=["pca", "tsne"])] == ["pca-2", "pca-3"]
    with pytest.raises(maps.MethodUnknown, match="no projection 'mds': expected some of pca, tsne, umap"):
        maps.maps(np.eye(6), methods=["mds"])


def stimuli(**changes):
    known = {
        "key": np.array(["a", "b", "c", "d"]), "subject": np.array(["p", "p", "q", "q"]),
        "class_label": np.array(["sad", "neutral", "", "sad"]), "degree": np.full(4, np.nan),
        "is_neutral": np.array([0, 1, -1, 0], np.int8), "split": np.full(4, ""), "picture": np.full(4, ""),
    }  # fmt: skip
    return Stimuli(**known | changes)


def test_points_are_coloured_by_whatever_differs():
    many = {"sex": np.array(["f", "f", "m", ""]), "same": np.full(4, "x"), "age": np.array(["31", "", "40", "31"])}
    known = stimuli(
        extra=many, attributes={"happy": np.array([1.0, np.nan, 3.0, 4.0])}, action_units={"AU1": np.ones(4)}
    )
    found = {c["name"]: c for c in maps.colours(known, np.arange(4), np.array(["train", "train", "test", "test"]))}
    assert list(found) == ["class", "subject", "split", "neutral face", "age", "sex", "happy"]
    assert found["class"]["names"] == ["neutral", "sad"] and found["class"]["codes"] == [1, 0, -1, 1]
    assert found["sex"]["codes"] == [0, 0, 1, -1]
    assert found["happy"]["values"] == [1.0, None, 3.0, 4.0]


def test_a_column_of_many_numbers_is_an_amount():
    n = 40
    extra = {"age": np.array([str(20 + k) for k in range(n)])}
    known = Stimuli(*(np.full(n, "") for _ in range(3)), np.full(n, np.nan), np.full(n, -1, np.int8),
                    *(np.full(n, "") for _ in range(2)), extra=extra)  # fmt: skip
    (age,) = maps.colours(known, np.arange(n), np.full(n, ""))
    assert age["kind"] == "number" and age["values"][:2] == [20.0, 21.0]


def test_attributes_stand_near_where_they_are_rated_alike():
    rated = Ratings(np.array([0, 1, 2, 3]), np.full(4, "kind"), np.array([1.0, 2.0, 3.0, 4.0]), *(np.zeros(4),) * 3,
                    np.full(4, ""))  # fmt: skip
    known = stimuli(attributes={"happy": np.array([2.0, 4.0, 6.0, 8.0]), "flat": np.ones(4)})
    names, table = maps.attribute_table(known, rated)
    assert names == ["happy", "kind"]
    assert table[0] == pytest.approx(table[1])  # correlated to 1: at one place
    assert table.mean(1) == pytest.approx([0, 0]) and table.std(1) == pytest.approx([1, 1])
