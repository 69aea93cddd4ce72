"""What the maps of a report draw: places, captions and colours, without anything that only tables need."""


def views(results: dict) -> dict:
    """Return {"faces": ..., "attributes": ...} for `space.js`; "attributes" only where there are some.

    Each: {"maps", "colours", "neighbours", "captions" (what the card says), "keys", "pictured", "named"}.
    """
    shown = results["projection"]
    made = {
        "faces": {
            "maps": shown.get("maps") or [_principal(shown)],
            "colours": shown.get("colours") or _by_class(shown),
            "neighbours": shown.get("neighbours") or [],
            "captions": captions(shown),
            "keys": shown["key"],
            "pictured": bool(results.get("sheets")),
            "named": False,
        }
    }
    if attributes := results.get("attributes"):
        made["attributes"] = {
            "maps": attributes["maps"],
            "colours": [],
            "neighbours": attributes["neighbours"],
            "captions": attributes["names"],
            "keys": attributes["names"],
            "pictured": False,
            "named": True,
        }
    return made


def captions(shown: dict) -> list[str]:
    """Return what is said of each face: class and degree, person, split; its key where nothing is known."""
    made = []
    rows = zip(shown["class_label"], shown["degree"], shown["subject"], shown["split"], shown["key"], strict=True)
    for label, degree, subject, split, key in rows:
        what = f"{label}, degree {degree:g}" if label and degree else label
        lines = [what, f"person {subject}" if subject else "", split]
        made.append("\n".join(filter(None, lines)) or key)
    return made


def _principal(shown: dict) -> dict:
    """Return the map of results that were made before there were others."""
    return {
        "id": "pca-2", "method": "PCA", "n_dims": 2, "points": shown["points"], "trustworthiness": None,
        "explained": shown["explained"], "settings": "components learnt on the training faces",
    }  # fmt: skip


def _by_class(shown: dict) -> list[dict]:
    names = sorted(set(shown["class_label"]) - {""})
    codes = [names.index(label) if label else -1 for label in shown["class_label"]]
    return [{"name": "class", "kind": "category", "names": names, "codes": codes}] if names else []
