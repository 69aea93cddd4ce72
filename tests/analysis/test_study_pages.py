"""Pages and folders of studies of many networks."""

import json
import re

import pytest

from analysis import pages, study_bundle, study_pages, study_report
from analysis.looking import MAX_NETWORKS
from tests.analysis.studies import made_up


@pytest.fixture
def results(tmp_path):
    found = study_report.study_results(made_up("topological-vae/posed", tmp_path))
    return json.loads(json.dumps(found))


def test_networks_are_folded_and_their_names_tell_them_apart(results):
    html = study_pages.render_study(results, title="Many")
    folded = re.findall(r'<details class="network"( open)?><summary><h3>([^<]+)</h3>(.*?)</summary>', html)
    assert [name for _, name, _ in folded] == [part["name"] for part in results["parts"]] and len(folded) == 43
    assert not any(is_open for is_open, _, _ in folded)
    assert "<span>model 1</span>" in folded[0][2] and "satisfied triplets" in folded[0][2]
    assert "left out" in folded[-1][2]
    few = study_pages.render_study(results | {"parts": results["parts"][:2], "tables": []}, title="Few")
    assert few.count('<details class="network" open>') == 2


def test_what_holds_for_all_is_said_once(results):
    for number, part in enumerate(results["parts"][:-1]):
        part |= {
            "headline": f"Agrees in {number} %.",
            "gaps": "No gap can be told.",
            "tangent_omitted": "too few faces",
        }
    once = study_pages.render_study(results, title="Alike")
    assert once.count("No gap can be told.") == once.count("not measured: too few faces.") == 1
    assert once.index("No gap can be told.") < once.index('<details class="network"')
    assert once.count("Agrees in") == 42  # what differs stays with its network
    results["parts"][3]["gaps"] = "One gap is certain."
    each = study_pages.render_study(results, title="Unlike")
    assert each.count("No gap can be told.") == 41 and each.count("One gap is certain.") == 1
    results["parts"] = [part | {"headline": ""} for part in results["parts"]]
    results["parts"][0] |= {"headline": "Agrees.", "gaps": "No gap can be told."}
    assert study_pages.said_of_all(results["parts"]) == {}  # one alone is not all


def test_ratings_without_single_ones_are_told_once(tmp_path):
    results = study_report.study_results(made_up("lrp-attributes", tmp_path))
    assert "How far people agree is not known" not in study_pages.render_study(results, title="Known")
    for part in results["parts"]:
        part["attributes"] = [row | {"pearson_bound": None} for row in part["attributes"]]
    assert study_pages.render_study(results, title="Unknown").count("How far people agree is not known") == 1


def test_of_many_networks_those_on_the_page_have_sliders_and_every_link_has_its_file(results, measured, monkeypatch):
    drawn = []
    monkeypatch.setattr(pages, "render_report", lambda one, title: drawn.append(one["decoder"]) or title)
    networks = [part["name"] for part in results["parts"][: MAX_NETWORKS + 1]]
    results["spaces"] = [{"network": networks[2], "dimensions": {"kl": None, "decoder_norm_latent": None}}]
    monkeypatch.setattr(study_pages, "render_study", lambda results, **how: " ".join(how["reports"].values()))
    files = dict(study_bundle.members(results, dict.fromkeys(networks, measured), title="Many"))
    assert [name for name, of in zip(networks, drawn, strict=True) if "omitted" not in of] == [networks[2]]
    assert f"only {networks[2]} have them here; python -m analysis" in drawn[0]["omitted"]
    assert set(files["study.html"].decode().split()) <= set(files)
    drawn.clear()
    list(study_bundle.members(results, dict.fromkeys(networks[:MAX_NETWORKS], measured), title="Few"))
    assert not any("omitted" in of for of in drawn)
    numbers = json.loads(files[f"{networks[0]}/results.json"])
    assert numbers["splits"] == measured["splits"] and numbers["projection"] == measured["projection"]
