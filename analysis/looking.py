"""What several networks look at, side by side: the same pictures, averages and parts painted over, network by network.

Taken from the results of evaluations as they are, so that a web process and a page of a whole study can show it
without loading a network. `analysis.explaining.side_by_side` does the same for whole collections.
"""

MAX_NETWORKS = 6
#: Pictures of each group: two where there are few groups, such as a person's happiest and unhappiest picture.
N_SHOWN, FEW_GROUPS = 2, 2


def panels(results: dict[str, dict]) -> tuple[list[dict], dict[str, str]]:
    """Return one panel for all networks that answer the same question, and the small pictures that the panels name.

    results : network -> results of `evaluation.evaluate`, in the order they are shown; those without maps of pictures
    are left out. A panel of one network is one too.

    A panel is ready for JSON: target, groups, networks [name], left_out [name] beyond MAX_NETWORKS,
    methods [{"key", "name", "words"}], averages and examples [{"group", "rows": [{"network", "picture", "maps"}]}]
    with maps {method: name of a picture} (no map: nothing to see), painted [{"group", "subject", "key", "method",
    "states": [{"part", "picture"}], "rows": [{"network", "states"}]}] and each [{"network", "attributes"}] as
    `explaining.gallery` has them, occlusion [{"group", "network", "n", "score", "parts"}] as an evaluation has it, and
    trust [{"network", "method", ...}].
    """
    asked: dict[tuple, dict[str, dict]] = {}
    for name, of in results.items():
        found = of.get("explanations") or {}
        if found.get("kind") == "pictures":
            asked.setdefault((found["target"], *found["groups"]), {})[name] = of
    drawn: dict[str, str] = {}
    return [_panel(number, networks, drawn) for number, networks in enumerate(asked.values())], drawn


def why_not(results: dict[str, dict]) -> dict[str, str]:
    """Return {network: why it has no maps} of those whose evaluation says so."""
    found = {name: (of.get("explanations") or {}).get("omitted") for name, of in results.items()}
    return {name: why for name, why in found.items() if why}


def _panel(number: int, networks: dict[str, dict], drawn: dict[str, str]) -> dict:
    shown = dict(list(networks.items())[:MAX_NETWORKS])
    found = {name: of["explanations"] for name, of in shown.items()}
    first = next(iter(found.values()))
    methods = {one["key"]: one for of in found.values() for one in of["methods"]}
    keep = _Keeper(number, shown, drawn)
    return {
        "target": first["target"],
        "groups": first["groups"],
        "networks": list(shown),
        "left_out": list(networks)[MAX_NETWORKS:],
        "methods": list(methods.values()),
        "averages": _averages(found, keep),
        "examples": _examples(found, keep),
        "painted": _painted(found, keep),
        "each": _each(found, keep),
        "occlusion": [
            {"network": name, **row}
            for group in first["groups"] for name, of in found.items()
            for row in of.get("occlusion", []) if row["group"] == group
        ],
        "trust": _trust(found),
    }  # fmt: skip


class _Keeper:
    """Keeps each picture that is shown once, under a name of its own."""

    def __init__(self, number: int, networks: dict[str, dict], drawn: dict[str, str]):
        self.number, self.networks, self.drawn = number, networks, drawn

    def picture(self, network: str, name: str | None) -> str | None:
        address = name and self.networks[network].get("heatmaps", {}).get(name)
        if not address:
            return None
        self.drawn[f"{self.number}/{network}/{name}"] = address
        return f"{self.number}/{network}/{name}"

    def row(self, network: str, one: dict) -> dict:
        maps = {key: self.picture(network, of.get("picture")) for key, of in one["maps"].items()}
        return {
            "network": network,
            "picture": self.picture(network, one["picture"]),
            "maps": {key: name for key, name in maps.items() if name},
        }


def _averages(found: dict[str, dict], keep: _Keeper) -> list[dict]:
    made: dict[str, dict] = {}
    for network, of in found.items():
        for one in of.get("averages", []):
            group = made.setdefault(one["group"], {"group": one["group"], "rows": []})
            group["rows"].append(keep.row(network, one) | {"n": one["n"]})
    return list(made.values())


def _examples(found: dict[str, dict], keep: _Keeper) -> list[dict]:
    """Return of each group the pictures that most of the networks explain: a network that has none of them is absent.

    Networks are asked about the same held-out pictures, but each shows some that it got right and some that it did
    not, so that two networks need not show the same ones.
    """
    places: dict[str, dict[tuple[int, str], dict]] = {}
    for network, of in found.items():
        for one in of.get("examples", []):
            places.setdefault(network, {}).setdefault((one["row"], one["group"]), one)
    pairs = list(dict.fromkeys(pair for of in places.values() for pair in of))
    n_of = {pair: sum(pair in of for of in places.values()) for pair in pairs}
    made = []
    groups = list(dict.fromkeys(group for _, group in pairs))
    n_shown = N_SHOWN if len(groups) <= FEW_GROUPS else 1
    for group in groups:
        best = sorted((p for p in pairs if p[1] == group), key=lambda p: (-n_of[p], pairs.index(p)))[:n_shown]
        for pair in best:
            who = [network for network in found if pair in places.get(network, {})]
            first = places[who[0]][pair]
            rows = [
                keep.row(network, one) | {key: one[key] for key in ("said", "truth", "is_right", "change")}
                for network in who
                for one in [places[network][pair]]
            ]
            made.append({"group": group, "subject": first["subject"], "key": first["key"], "rows": rows})
    return made


def _painted(found: dict[str, dict], keep: _Keeper) -> list[dict]:
    """Return the faces that are shown with parts painted over, each with a row a network that shows it."""
    made: dict[tuple, dict] = {}
    for network, of in found.items():
        painted = of.get("painted") or {}
        for face in painted.get("faces", []):
            states = [
                {"part": s["part"], "score": s["score"], "map": keep.picture(network, s["map"])} for s in face["states"]
            ]
            one = made.get((face["group"], face["key"]))
            if one is None:
                shown = [{"part": s["part"], "picture": keep.picture(network, s["picture"])} for s in face["states"]]
                one = {key: face[key] for key in ("group", "subject", "key")} | {"states": shown, "rows": []}
                made[face["group"], face["key"]] = one | {"method": painted["method"]}
            made[face["group"], face["key"]]["rows"].append({"network": network, "states": states})
    return list(made.values())


def _each(found: dict[str, dict], keep: _Keeper) -> list[dict]:
    made = []
    for network, of in found.items():
        attributes = [
            one | {"pictures": [p | {key: keep.picture(network, p[key]) for key in ("picture", "map")}
                                for p in one["pictures"]]}
            for one in of.get("each") or []
        ]  # fmt: skip
        if attributes:
            made.append({"network": network, "attributes": attributes})
    return made


def _trust(found: dict[str, dict]) -> list[dict]:
    return [
        {
            "network": network,
            "method": method["name"],
            "deletion": figures.get("deletion_area"),
            "insertion": figures.get("insertion_area"),
            "noise": figures.get("sensitivity"),
            "sparseness": figures.get("sparseness"),
            "at_random": (figures.get("randomised") or [{}])[-1].get("agreement"),
            "conservation": (figures.get("conservation") or {}).get("median"),
        }
        for network, of in found.items()
        for method in of["methods"]
        if (figures := (of.get("trust") or {}).get("methods", {}).get(method["key"]))
    ]
