"""The page of a study shows what its networks make of faces: maps, dimensions, traversals, faces drawn again, pairs."""

import base64
import copy
import io
import re

import numpy as np
import pytest
from PIL import Image

from analysis import plain_maps, study_pages, study_report, study_spaces
from learning.studies import STUDIES
from tests.analysis.studies import made_up
from tests.analysis.test_looking import PICTURE, explained


def placed(path: str) -> list[tuple[float, float]]:
    return [tuple(map(float, pair)) for pair in re.findall(r"M(-?\d+),(-?\d+)h0", path)]


def a_map(points, n_dims=2, method="PCA"):
    return {"id": f"m-{n_dims}", "method": method, "n_dims": n_dims, "points": points, "trustworthiness": 0.9,
            "settings": "seed 0", "explained": [0.5, 0.3, 0.1][:n_dims]}  # fmt: skip


def test_every_point_of_a_colour_is_in_one_path_at_its_place():
    found = plain_maps.drawn(a_map([[0, 0], [2, 0], [2, 4], [1, 2]]), [0, 1, 1, -1], shown=[3])
    layers = {layer["code"]: placed(layer["d"]) for layer in found["layers"]}
    left, right, top, bottom = 60, 940, 60, 700
    assert layers == {0: [(left, bottom)], 1: [(right, bottom), (right, top)], -1: [(500, 380)]}
    assert found["faces"] == [{"at": 3, "x": 500.0, "y": 380.0}] and found["trustworthiness"] == 0.9
    flat = plain_maps.drawn(a_map([[1, 5], [1, 7]]), [0, 0])  # an axis on which nothing varies
    assert placed(flat["layers"][0]["d"]) == [(500, 700), (500, 60)]


def test_three_dimensions_are_seen_from_the_side_with_the_nearer_points_larger():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 3))
    found = plain_maps.drawn(a_map(points.tolist(), 3), rng.integers(2, size=200), shown=[1])
    assert sum(len(placed(layer["d"])) for layer in found["layers"]) == 200 and found["faces"] == []
    assert {layer["depth"] for layer in found["layers"]} == {0, 1, 2}
    assert [layer["depth"] for layer in found["layers"]] == sorted(layer["depth"] for layer in found["layers"])
    assert all(0 <= x <= 1000 and 0 <= y <= 760 for layer in found["layers"] for x, y in placed(layer["d"]))
    # As the canvas turns it, by hand: a point on the axis towards the eye lies in the middle, nearest of all.
    (ca, sa), (cb, sb) = ((np.cos(a), np.sin(a)) for a in plain_maps.ANGLES)
    eye = np.array([sa * cb, -sb, -ca * cb])
    ends = plain_maps.drawn(a_map([(3 * eye).tolist(), (-3 * eye).tolist()], 3), [0, 1])
    (far, near) = ends["layers"]
    assert (near["code"], near["depth"], far["depth"]) == (0, 2, 0) and placed(near["d"]) == [(500, 380)]


def test_shown_faces_lie_far_apart():
    cluster = [[0.01 * k, 0] for k in range(50)]
    chosen = plain_maps.spread_out([*cluster, [9, 9], [-9, 9], [0, -9]], range(53), 4)
    assert set(chosen) >= {50, 51, 52} and len(set(chosen)) == 4
    assert plain_maps.spread_out(cluster, [], 4) == [] and len(plain_maps.spread_out(cluster, [3, 49], 9)) == 2
    # Fifty in a row of 880: as many as lie beside one another without touching.
    assert 5 <= len(plain_maps.spread_out(cluster, range(50), 50)) <= 880 // plain_maps.FACE


def test_classes_come_before_amounts_and_a_number_is_told_in_steps():
    classes = {"name": "class", "kind": "category", "names": ["a", "b"], "codes": [0, 1, -1]}
    amount = {"name": "happy", "kind": "number", "values": [1.0, 2.0, None]}
    people = {"name": "subject", "kind": "category", "names": ["x", "y"], "codes": [0, 1, 1]}
    assert plain_maps.coloured([people, amount, classes], "happy")["name"] == "class"
    found = plain_maps.coloured([people, amount | {"values": [*range(60), None]}], "happy")
    assert found["kind"] == "number" and found["codes"][-1] == -1 and len(found["legend"]) == plain_maps.N_STEPS
    assert np.bincount(found["codes"][:-1]).tolist() == [10] * 6
    assert plain_maps.coloured([people]) is None


def test_tiles_are_cut_out_of_their_sheets():
    sheet = Image.new("RGB", (2 * 64, 2 * 64), "black")
    sheet.paste((250, 0, 0), (64, 64, 128, 128))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    address = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    sheets = {"pixels": 64, "columns": 2, "n_each": 4, "sheets": [address], "place": [3, -1, 0]}
    found = plain_maps.tiles(sheets, [0, 1, 2])
    assert set(found) == {"0", "2"}
    red = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["0"].partition(",")[2]))))
    assert red.shape[:2] == (plain_maps.FACE_PIXELS,) * 2 and red[..., 0].min() > 200 and red[..., 1].max() < 40


@pytest.fixture
def posed(measured, tmp_path):
    """A study of published configurations, of which two of Model 1 and one of Model 3 were evaluated."""
    study = made_up("topological-vae/posed", tmp_path)
    by_model = {}
    for part in study.parts:
        by_model.setdefault(part.labels["model"], []).append(part.name)
    names = [*by_model["1"][:2], by_model["3"][0]]
    of = {}
    for name, value in zip(names, (0.6, 0.7, 0.65), strict=True):
        of[name] = copy.deepcopy(measured)
        # What the publication chooses its networks by.
        accuracy = {"value": value, "low": value - 0.1, "high": value + 0.1}
        of[name]["probe"]["embedding"]["validation"] |= {"accuracy": accuracy}
    return study, of, names


def test_the_best_network_of_each_kind_is_shown_on_the_page_itself(posed):
    study, of, names = posed
    results = study_report.study_results(study, of)
    assert [(s["network"], s["kind"]) for s in results["spaces"]] == [(names[1], "Model 1"), (names[2], "Model 3")]
    first = results["spaces"][0]
    assert len(first["traversal"]["faces"]) == 5 and first["traversal"]["values"] == [-5, -2.5, 0, 2.5, 5]
    assert [(m["method"], m["n_dims"]) for m in first["maps"]][:2] == [("PCA", 2), ("PCA", 3)]
    assert first["colour"]["name"] == "class" and first["value"] == 0.7
    html = study_pages.render_study(results, title="Study")
    section = html[html.index('id="space"') :]
    assert section.count('<div class="cell') == 2 * 25 and 'data-figure="dimensions-' in section
    assert "PCA, 2 dimensions" in section and "PCA, 3 dimensions" in section and "Drawn again" in section
    assert section.count('role="img" aria-label="Map of') == 4 and "coloured by class" in section
    assert "Maps, dimensions and faces of" in section  # the second best is folded
    assert 'class="pair"' in section and len(html) < 10_000_000
    static = study_pages.render_study(results, title="Study", assets="static")
    assert not re.search(r"<style\b|\sstyle=|\son\w+=", static) and "spaces.css" in static
    assert "dimensions-" + names[1] in study_pages.figures(results)


def test_a_study_of_single_attributes_has_no_map_and_others_without_kinds_one(measured, tmp_path):
    study = made_up("lrp-attributes", tmp_path)
    assert study_spaces.spaces(study, [], {}) == []
    vgg = made_up("vgg16-attributes", tmp_path / "vgg")
    results = study_report.study_results(vgg, {"vgg16-attributes": copy.deepcopy(measured)})
    assert [(s["network"], s["kind"]) for s in results["spaces"]] == [("vgg16-attributes", "")]
    old = study_report.study_results(vgg)
    assert old["spaces"] == [] and 'id="space"' not in study_pages.render_study(old, title="Study")


def test_faces_painted_over_and_every_attribute_stand_on_the_page(measured, tmp_path):
    study = made_up("lrp-attributes", tmp_path)
    names, of = ("age-full-happiness", "gender-full-happiness"), {}
    for k, name in enumerate(names):
        found = explained([(1, "happy")], name=name)
        states = [
            {"part": part, "picture": f"p{j}", "map": f"m{j}" if j else None, "score": 6.69 - j - k}
            for j, part in enumerate(("", "mouth", "one eye", "both eyes"))
        ]
        found["explanations"]["painted"] = {
            "method": "LRP", "faces": [{"group": "happy", "subject": "s1", "key": "face1.jpg", "states": states}]
        }  # fmt: skip
        ends = [
            {"end": end, "key": "k", "truth": t, "said": t + 0.5, "picture": "p0", "map": "m1"}
            for end, t in (("highest", 8.0), ("lowest", 2.0))
        ]
        found["explanations"]["each"] = [{"name": "weird", "n": 9, "pictures": ends}]
        found["heatmaps"] |= {f"{kind}{j}": PICTURE.format(f"{name}{kind}{j}") for kind in "pm" for j in range(4)}
        of[name] = copy.deepcopy(measured) | found
    results = study_report.study_results(study, of)
    (panel,) = results["looking"]
    (face,) = panel["painted"]
    assert [row["network"] for row in face["rows"]] == list(names) and [s["part"] for s in face["states"]][1] == "mouth"
    html = study_pages.render_study(results, title="Study")
    assert "parts painted over" in html and "<strong>6.69</strong>" in html and "−1.00" in html
    assert (
        "both eyes painted over" in html
        and "people 8.0, network 8.5" in html
        and "Grad-CAM of weird, rated lowest" in html
    )


def test_pairs_of_one_person_stand_on_the_page(tmp_path):
    study = made_up("lrp-attributes", tmp_path)
    assert set(STUDIES["lrp-attributes"].pairs) == {
        f"{b}-{t}-happiness" for b in ("age", "gender") for t in ("dense", "full")
    }
    faces = [
        {"what": what, "label": label, "key": f"{label}.jpg", "picture": f"pair-{k}",
         "rows": [{"network": "age-full-happiness", "said": 6.5 - k, "maps": [f"pair-{k}-map", None]}]}
        for k, (what, label) in enumerate((("happy", "happiness"), ("unhappy", "sadness")))
    ]  # fmt: skip
    estimate = {"value": 1.25, "low": 0.9, "high": 1.6, "n": 70, "unit": "people", "n_units": 70}
    above = {"value": 0.96, "low": 0.91, "high": 0.99}
    pairs = {
        "attribute": "happy", "n": 70, "methods": ["LRP", "Grad-CAM"], "networks": ["age-full-happiness"],
        "people": [{"subject": "AF01", "faces": faces}],
        "gaps": [{"network": "age-full-happiness", "gap": estimate, "above": above}],
    }  # fmt: skip
    drawn = {name: PICTURE.format(name) for name in ("pair-0", "pair-1", "pair-0-map", "pair-1-map")}
    results = study_report.study_results(study, {}, (pairs, drawn))
    html = study_pages.render_study(results, title="Study")
    section = html[html.index('id="pairs"') :]
    assert "Person AF01" in section and "happiness 6.50" in section and "sadness 5.50" in section
    assert (
        "<td>1.250 [0.900, 1.600]</td>" in section
        and "happy minus unhappy" in section
        and section.count("nothing here counts") >= 2
    )
    why = {"omitted": "nobody in the second collection has a happy and an unhappy picture"}
    assert "Not shown: nobody in the second" in study_pages.render_study(
        study_report.study_results(study, {}, (why, {})), title="S"
    )
