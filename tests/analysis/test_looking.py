"""Networks side by side by their maps: which pictures, which networks, in pure results and on both compare pages."""

import copy

import pytest

from analysis import looking, pages
from analysis.models import Evaluation
from analysis.services.reports import create_report, publish_report, unpublish_report
from tests.analysis.made import make_checkpoint, measured

ADMIN, PUBLIC = "/admin/analysis/evaluation/compare-runs/", "/compare/"
PICTURE = "data:image/jpeg;base64,{}"


def explained(rows, *, groups=("happy",), target="attributes", said="4.0", name="n", landmarks=True) -> dict:
    """Return results whose network explains some pictures (row, group), with a picture for every map."""
    examples, drawn = [], {}
    for k, (row, group) in enumerate(rows):
        drawn[f"example-{k}"], drawn[f"example-{k}-lrp"] = PICTURE.format(f"face{row}"), PICTURE.format(f"{name}{row}")
        examples.append(
            {"row": row, "key": f"face{row}.jpg", "subject": f"s{row}", "group": group, "said": said, "truth": "5.0",
             "is_right": True, "change": {"mouth": -0.5}, "picture": f"example-{k}",
             "maps": {"lrp": {"picture": f"example-{k}-lrp"}, "gradcam": {"empty": "nothing here counts"}}}
        )  # fmt: skip
    part = {"part": "mouth", "change": {"value": -0.5, "low": -0.7, "high": -0.3}, "lowest": {"value": 0.9}}
    found = {
        "kind": "pictures", "target": target, "groups": list(groups), "examples": examples,
        "methods": [{"key": "gradcam", "name": "Grad-CAM", "words": "w"}, {"key": "lrp", "name": "LRP", "words": "w"}],
        "averages": [], "occlusion": [{"group": groups[0], "score": 4.2, "n": 9, "parts": [part]}] if landmarks else [],
        "trust": {"methods": {"lrp": {"deletion_area": 0.3, "insertion_area": 0.7, "sensitivity": 0.1,
                                      "sparseness": 0.5, "randomised": [{"agreement": 0.2}]}}},
    }  # fmt: skip
    return {"explanations": found, "heatmaps": drawn}


def test_networks_of_one_question_share_a_panel_and_the_pictures_that_most_explain():
    results = {
        "a": explained([(1, "happy"), (2, "happy"), (7, "happy")], name="a"),
        "b": explained([(3, "happy"), (2, "happy"), (7, "happy")], name="b"),
        "other": explained([(1, "sad")], groups=("sad",)),
        "latent": {"explanations": {"kind": "landmarks"}},
        "silent": {"explanations": {"omitted": "switched off"}},
    }
    found, drawn = looking.panels(results)
    assert [(panel["networks"], panel["groups"]) for panel in found] == [(["a", "b"], ["happy"]), (["other"], ["sad"])]
    shown = [[row["network"] for row in one["rows"]] for one in found[0]["examples"]]
    assert [one["key"] for one in found[0]["examples"]] == ["face2.jpg", "face7.jpg"] and shown == [["a", "b"]] * 2
    row = found[0]["examples"][0]["rows"][1]
    assert drawn[row["maps"]["lrp"]] == PICTURE.format("b2") and drawn[row["picture"]] == PICTURE.format("face2")
    assert "gradcam" not in row["maps"]
    assert [(one["network"], one["group"]) for one in found[0]["occlusion"]] == [("a", "happy"), ("b", "happy")]
    assert found[0]["trust"][0] | {"network": "a", "method": "LRP", "at_random": 0.2} == found[0]["trust"][0]
    assert looking.why_not(results) == {"silent": "switched off"}
    # Only what is shown is kept.
    assert len(drawn) == 2 * 2 * 2 + 2


def test_of_many_groups_one_picture_each_and_of_many_networks_the_first():
    groups = ("a", "b", "c")
    rows = [(k, group) for group in groups for k in (1, 2)]
    results = {f"n{k}": explained(rows, groups=groups, target="class") for k in range(8)}
    (panel,), _ = looking.panels(results)
    assert len(panel["examples"]) == 3 and panel["networks"] == [f"n{k}" for k in range(looking.MAX_NETWORKS)]
    assert panel["left_out"] == ["n6", "n7"]


def test_what_is_missing_is_said_and_names_are_escaped():
    found, drawn = looking.panels({"<b>": explained([(1, "happy")], landmarks=False)})
    html = pages.looking(found, drawn, {"x": "it was switched off"})
    assert "&lt;b&gt;" in html and "<b>" not in html
    assert "no landmarks of a known scheme" in html and "x has no maps: it was switched off." in html


@pytest.fixture
def reports(settings, tmp_path, db):
    """Two drafts about runs of one release, whose networks explain the same picture."""
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    made = []
    for number in range(2):
        checkpoint = make_checkpoint(tmp_path / str(number), name=f"smiles{number}-v1", collection=f"c{number}")
        results = copy.deepcopy(measured(checkpoint))
        evaluation = Evaluation.objects.create(
            checkpoint=checkpoint, release=checkpoint.run.release, status="finished", results=results
        )
        made.append(create_report(evaluation))
        evaluation.results = results | explained([(2, "happy")], name=f"n{number}")
        evaluation.save()
    return made


def test_researchers_see_maps_beside_each_other(researcher_client, reports):
    runs = ",".join(str(report.evaluation.checkpoint.run_id) for report in reports)
    page = researcher_client.get(f"{ADMIN}?runs={runs}").content.decode()
    assert "What they look at" in page and PICTURE.format("n02") in page and PICTURE.format("n12") in page
    assert "without mouth −0.50" in page and "<style" not in page and " style=" not in page


def test_readers_compare_what_is_published_and_nothing_else(client, reports):
    first, second = reports
    publish_report(first)
    address = f"{PUBLIC}?reports={first.address}&reports={second.address}"
    page = client.get(address).content.decode()
    assert PICTURE.format("n02") in page and PICTURE.format("n12") not in page and second.title not in page
    publish_report(second)
    # A newer evaluation that nobody has published changes nothing.
    old = second.evaluation
    Evaluation.objects.create(checkpoint=old.checkpoint, release=old.release, status="finished", results={"secret": 1})
    response = client.get(address)
    page = response.content.decode()
    assert PICTURE.format("n12") in page and f'href="/reports/{second.address}/"' in page and "/admin/" not in page
    assert "satisfied, evaluated" in page and "public" in response["Cache-Control"]
    assert "Put reports side by side" in client.get("/").content.decode()
    unpublish_report(second)
    assert PICTURE.format("n12") not in client.get(address).content.decode()


@pytest.mark.parametrize(
    ("asked", "said"),
    [("reports=../etc", "Name reports by the last part"), ("reports=a,b,c,d,e,f,g,h,i", "9 reports are too many"),
     ("", "No report is published yet"), ("reports=nobody", "No report is published yet")],
)  # fmt: skip
def test_what_cannot_be_compared_is_said(client, db, asked, said):
    response = client.get(f"{PUBLIC}?{asked}")
    assert response.status_code == 200 and said in response.content.decode()
