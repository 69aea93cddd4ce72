"""Where the figures of a report come from, and the commands that make them again."""

import platform
import re
from importlib import metadata
from pathlib import Path

from triplets.archive import Release

PRETRAINED = "network.pretrained"
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "plotly")


def describe(about: dict, release: Release, *, n_bootstrap: int, seed: int, projections=("pca",)) -> dict:
    """Return the origin of an evaluation, ready for JSON.

    about : of the checkpoint: recipe, config, seed, code_version, release_sha256, step, metrics.
    is_same_release : whether the checkpoint was trained on the very release it is evaluated on.
    """
    trained_on = about.get("release_sha256", "")
    study = release.manifest.get("study", {})
    collection = release.manifest.get("collection", {})
    return {
        "release": {
            "name": str(study.get("release") or release.manifest.get("name") or _name_of(release, study)),
            "study": str(study.get("name", "")),
            "collection": str(collection.get("name", "")),
            "licence": str(collection.get("licence", "")),
            "source": str(collection.get("source", "")),
            "sha256": release.sha256,
            "scheme": release.landmarks.scheme if release.landmarks is not None else "",
        },
        "checkpoint": {
            "recipe": about.get("recipe", ""),
            "seed": about.get("seed"),
            "step": about.get("step"),
            "code_version": about.get("code_version", ""),
            "release_sha256": trained_on,
            "config": _without_places(about.get("config", {})),
            "metrics": about.get("metrics", {}),
            "sha256": about.get("sha256", ""),
        },
        "is_same_release": bool(trained_on) and trained_on == release.sha256,
        "evaluation": {"n_bootstrap": n_bootstrap, "seed": seed, "projections": list(projections)},
        "versions": {"python": platform.python_version(), **{name: version_of(name) for name in PACKAGES}},
        "commands": commands(about, n_bootstrap, seed, projections),
    }


def _name_of(release: Release, study: dict) -> str:
    """Return what a release is called where its manifest does not say: its file, unless that is named by a checksum."""
    if re.fullmatch(r"[0-9a-f]{64}", release.path.stem):
        return " ".join(filter(None, (str(study.get("name", "")), release.sha256[:12])))
    return release.path.name


def commands(about: dict, n_bootstrap: int, seed_of_evaluation: int, projections) -> list[str]:
    """Return the shell commands that train the same network and evaluate it again, to the same figures."""
    recipe, seed = about.get("recipe") or "RECIPE", about.get("seed") or 0
    changes = about.get("changes") or {}
    changed = "".join(
        f" --set {key}={_weights(value) if key == PRETRAINED else value}" for key, value in changes.items()
    )
    warm = " --start CHECKPOINT" if (about.get("metrics") or {}).get("started_from") else ""
    return [
        f"python -m learning RELEASE --recipe {recipe} --seed {seed}{changed}{warm} --out run",
        f"python -m analysis run/checkpoint.safetensors RELEASE --bootstrap {n_bootstrap} --seed {seed_of_evaluation} "
        f"--projections {','.join(projections)} --out report",
    ]


def _weights(name: str) -> str:
    """Return how a command calls pretrained weights: by their name of the model hub, or as a file of the reader's."""
    return name if name.startswith("hub:") else "WEIGHTS"


def _without_places(config: dict) -> dict:
    """Return a configuration whose pretrained weights are a folder and a file, not a place on somebody's machine."""
    network = config.get("network") or {}
    name = network.get("pretrained") or ""
    if name.startswith("hub:") or not name:
        return config
    return config | {"network": network | {"pretrained": "/".join(Path(name).parts[-2:])}}


def version_of(package: str) -> str:
    """Return the installed version of a package, "absent" where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"
