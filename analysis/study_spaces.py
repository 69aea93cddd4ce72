"""What the best networks of a study make of faces, for the study's own page: maps, dimensions, faces drawn again.

One network of each kind that a study compares (such as Model 1, 2 and 3), the best by the study's own figure.
"""

from analysis import plain_maps
from analysis.published_baselines import ON_TEST
from learning.study_results import StudyResults

#: Figures that choose the best network, the first that any has.
CHOOSING = ("satisfied", "f1", "accuracy", "pearson")
#: Studies whose networks differ in kind by a label.
KINDS = {"topological-vae": ("model", "Model {}")}
#: Studies that ask for no map: a network of one attribute makes a space of one direction.
WITHOUT = ("lrp-attributes",)


def spaces(study: StudyResults, parts: list[dict], measured: dict[str, dict]) -> list[dict]:
    """Return one entry a kind of network, the best of all first, ready for JSON.

    parts : of `study_report`, with their figures. Each: {"network", "kind", "figure", "value", "dimensions",
    "traversal", "reconstruction", "pictures" {row: address}, "maps" [`plain_maps.drawn`], "colour", "faces" {number:
    address}}. Parts that a network cannot have say why, as they do in its report.
    """
    if study.study in WITHOUT:
        return []
    label, words = KINDS.get(study.study.partition("/")[0], ("", ""))
    known = [part for part in parts if part["name"] in measured]
    # On the figure that chooses the networks for the publication's table on test, where there is one.
    choosing = (*(ON_TEST[study.study][1:2] if study.study in ON_TEST else ()), *CHOOSING)
    figure = next((name for name in choosing if any(part["figures"].get(name) for part in known)), "")
    ranked = sorted(known, key=lambda part: -((part["figures"].get(figure) or {}).get("value") or 0))
    best: dict[str, dict] = {}
    for part in ranked:
        best.setdefault(words.format(part["labels"].get(label, "")) if label else "", part)
    found = [_space(part["name"], measured[part["name"]], kind) for kind, part in best.items()]
    for one, part in zip(found, best.values(), strict=True):
        one |= {"figure": figure, "value": (part["figures"].get(figure) or {}).get("value")}
    return found


def _space(name: str, results: dict, kind: str) -> dict:
    shown = results["projection"]
    colour = plain_maps.coloured(shown.get("colours") or [], _best_attribute(results))
    codes = colour["codes"] if colour else [-1] * len(shown["key"])
    sheets = results.get("sheets") or {}
    pictured = [k for k in range(len(codes)) if sheets and sheets["place"][k] >= 0]
    maps, faces = [], set()
    for one in shown.get("maps") or []:
        if one["n_dims"] == 3 and one["method"] != "PCA":
            continue
        chosen = plain_maps.spread_out(one["points"], pictured) if one["n_dims"] == 2 else []
        faces |= set(chosen)
        maps.append(plain_maps.drawn(one, codes, chosen))
    rows = {str(face["row"]) for face in results["reconstruction"].get("faces", [])}
    return {
        "network": name,
        "kind": kind,
        "n_shown": shown["n_shown"],
        "n_total": shown["n_total"],
        "dimensions": results["dimensions"],
        "traversal": results["traversal"],
        "reconstruction": results["reconstruction"],
        "pictures": {row: address for row, address in results["pictures"].items() if row in rows},
        "maps": maps,
        "colour": colour and {key: colour[key] for key in ("name", "kind", "legend")},
        "faces": plain_maps.tiles(sheets, sorted(faces)) if faces else {},
    }


def _best_attribute(results: dict) -> str:
    """Return the attribute that a network predicts best, "" where it predicts none."""
    answers = results.get("answers") or {}
    if answers.get("kind") != "attributes":
        return ""
    of = answers["by_split"][answers["split"]]["attributes"]
    known = {name: figures["pearson"]["value"] for name, figures in of.items() if figures["pearson"]}
    return max(known, key=known.get, default="")
