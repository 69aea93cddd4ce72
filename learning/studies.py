"""Whole studies: all networks and ablations that a publication compares, trained one after the other on a release.

Every part is a recipe of its own. A study goes on where it was, since every part does: what is finished is not
trained again. A part that cannot be trained on this release, or diverges, is recorded with the reason and does not
end the others. What a study leaves is described in `learning.study_results`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from learning.config import ConfigInvalid
from learning.image_recipes import LRP_ATTRIBUTES, LRP_BASES, SOURCES
from learning.recipes import RECIPES, recipe
from learning.study_results import FINISHED, LEFT_OUT, STOPPED, PartResult, StudyResults, write_study
from learning.vae_recipes import PUBLISHED, Published
from triplets.archive import Release


@dataclass(frozen=True)
class Part:
    """One network of a study.

    labels : where it stands among the others, see `PartResult.labels`
    starts_from : the recipe whose weights it begins with, "" none
    is_second : trained on the second collection in place of the first
    is_measured_elsewhere : measured on the second collection once it is trained
    """

    recipe: str
    labels: dict[str, str] = field(default_factory=dict)
    starts_from: str = ""
    is_second: bool = False
    is_measured_elsewhere: bool = False

    @property
    def name(self) -> str:
        return self.recipe.rpartition("/")[2]

    @property
    def base(self) -> str:
        """The network of the study whose weights it begins with, "" none."""
        return self.starts_from.rpartition("/")[2]


@dataclass(frozen=True)
class Study:
    """Networks that are compared. tables : title -> parts, as in the publication.

    second : what the study does with a second collection, "" nothing
    looked_at : parts whose heat maps are set side by side, () all
    grids : title of a table -> (labels of its rows, label of its columns), where the publication shows it as a grid
    pairs : parts that are shown one person's happy and unhappy picture, from the second collection
    """

    name: str
    summary: str
    parts: tuple[Part, ...]
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    second: str = ""
    looked_at: tuple[str, ...] = ()
    grids: dict[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    pairs: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Where it comes from, in one line."""
        return SOURCES.get(self.name) or f"the topological VAE thesis, {_VAE_TABLES[self.name.partition('/')[2]]}"


_VAE_TABLES = {"posed": "tables 6.6 to 6.13", "spontaneous": "tables 6.15 to 6.22"}


def _named(study: str) -> tuple[str, ...]:
    return tuple(name for name in RECIPES if name.startswith(f"{study}/"))


def _lrp() -> Study:
    bases = tuple(Part(f"lrp-attributes/base-{base}", {"base": base, "attribute": base}) for base in LRP_BASES)
    networks = tuple(
        Part(
            f"lrp-attributes/{base}-{trained}-{attribute}",
            {"base": base, "trained": trained, "attribute": attribute},
            starts_from=f"lrp-attributes/base-{base}",
        )
        for base in LRP_BASES
        for trained in ("dense", "full")
        for attribute in LRP_ATTRIBUTES
    )
    title = "Mean absolute error (table 1)"
    tables = {title: tuple(part.name for part in networks)}
    summary, grids = (
        "16 networks: 2 bases, dense layers or all, 4 attributes",
        {title: (("base", "trained"), "attribute")},
    )
    pairs = tuple(part.name for part in networks if part.labels["attribute"] == "happiness")
    second = "the networks of happiness are shown happy and unhappy pictures of its people (KDEF)"
    return Study("lrp-attributes", summary, bases + networks, tables, second, grids=grids, pairs=pairs)


def _vgg() -> Study:
    part = Part("vgg16-attributes", {"network": "vgg16"})
    return Study("vgg16-attributes", "VGG16 on all attributes of a release at once", (part,))


#: The two networks as first trained, and the one that tuning led to.
_MEASURED_ELSEWHERE = ("vit", "resnet50", "vit-adam-3e-5")


def _vit() -> Study:
    parts = tuple(
        Part(name, _settings_of(name), is_measured_elsewhere=name.rpartition("/")[2] in _MEASURED_ELSEWHERE)
        for name in _named("vit-vs-resnet")
    )
    names = [part.name for part in parts]
    by_rate = [name for name in names if name.startswith(("vit-sgd", "vit-rmsprop", "vit-adam"))]
    small = ("vit-adam-1e-5", "vit-adam-2e-5", "vit-adam-3e-5")
    tables = {
        "The two networks": ("vit", "resnet50"),
        "Epochs (table 8)": ("vit-epochs-2", "vit", "vit-epochs-4", "vit-epochs-5"),
        "Optimisers and rates (table 9)": (*[name for name in by_rate if name not in small[1:]], "vit"),
        "Small rates (table 10)": small,
    }
    second = f"{', '.join(_MEASURED_ELSEWHERE)} are measured on it"
    summary = "ViT-B/16, ResNet-50 and every ablation of the ViT"
    grids = {"Optimisers and rates (table 9)": (("learning_rate",), "optimiser")}
    return Study("vit-vs-resnet", summary, parts, tables, second, _MEASURED_ELSEWHERE, grids)


def _settings_of(name: str) -> dict[str, str]:
    config = recipe(name).config
    return {
        "network": config.network.architecture,
        "optimiser": config.optimiser.optimiser,
        "learning_rate": f"{config.optimiser.learning_rate:g}",
        "epochs": f"{config.training.epochs:g}",
    }


def _fer() -> Study:
    parts = (
        Part("fer2013-networks/feed-forward", {"network": "feed-forward", "settings": "published"}),
        Part("fer2013-networks/cnn", {"network": "cnn", "settings": "published"}),
        Part("fer2013-networks/feed-forward-sound", {"network": "feed-forward", "settings": "sound"}),
        Part("fer2013-networks/cnn-sound", {"network": "cnn", "settings": "sound"}),
        Part("fer2013-networks/overfit-50", {"network": "cnn", "settings": "overfit-50"}),
        Part("fer2013-networks/cifar-10", {"network": "feed-forward", "settings": "cifar-10"}, is_second=True),
    )
    tables = {"As published": ("feed-forward", "cnn"), "Sound": ("feed-forward-sound", "cnn-sound")}
    summary = "Feed-forward and convolutional, as published and sound, with their two checks"
    second = "the feed-forward network is checked on it (CIFAR-10)"
    looked_at = tuple(name for names in tables.values() for name in names)
    return Study("fer2013-networks", summary, parts, tables, second, looked_at)


def _vae(collection: str) -> Study:
    rows = [row for row in PUBLISHED.values() if row.collection == collection]
    tables: dict[str, tuple[str, ...]] = {}
    for row in rows:
        title = f"Model {row.config.network.model} (table {row.table})"
        tables[title] = (*tables.get(title, ()), Part(row.name).name)
    parts = tuple(Part(row.name, _configuration_of(row)) for row in rows)
    summary = f"Every configuration of the topological VAE published for {collection} expressions"
    return Study(f"topological-vae/{collection}", summary, parts, tables)


def _configuration_of(row: Published) -> dict[str, str]:
    """Return where a row of the thesis stands, and its configuration as the thesis' table gives it."""
    return {"model": str(row.config.network.model), "table": row.table, "row": str(row.number)} | row.columns


_ALL = (_lrp(), _vgg(), _fer(), _vit(), _vae("posed"), _vae("spontaneous"))
STUDIES: dict[str, Study] = {study.name: study for study in _ALL}

NO_SECOND = "it is trained on a second collection: expected --second RELEASE"


class StudyUnknown(LookupError):
    """There is no study of that name."""


def study(name: str) -> Study:
    """Return a study by its name. StudyUnknown lists the names there are."""
    if name not in STUDIES:
        raise StudyUnknown(f"there is no study {name!r}: expected one of {', '.join(STUDIES)}")
    return STUDIES[name]


def checked(study: Study, changes: dict[str, str], *, has_second: bool) -> None:
    """Raise ConfigInvalid where a study cannot be run so: what is wrong is said before hours of training."""
    if has_second and not study.second:
        raise ConfigInvalid(f"{study.name} has no use for a second collection: expected one only")
    for part in study.parts:
        recipe(part.recipe).config.with_changes(changes)


def begun_without(part: Part, why: str) -> str:
    """Return the note of a network whose base network gave no weights."""
    return f"begun without the weights of {part.base}: {why}"


def run_study(
    release: Release,
    study: Study,
    *,
    second: Release | None = None,
    changes: dict[str, str] | None = None,
    seed: int = 0,
    out: Path,
    on_progress: Callable | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> StudyResults:
    """Train every part of a study into a folder of its own in `out`, and keep `study.json` beside them up to date.

    second : the second collection, for studies that have one. changes : settings for every part, as
    `Config.with_changes`. on_progress : called with (part name, Progress).
    ConfigInvalid is raised before anything is trained; PretrainedUnusable and FolderTaken end the study.
    """
    from learning.datasets import NothingToLearn

    changes = dict(changes or {})
    checked(study, changes, has_second=second is not None)
    parts: list[PartResult] = []

    def results() -> StudyResults:
        return StudyResults(
            Path(out), study.name, study.summary, release.sha256, second.sha256 if second else "", seed, changes,
            study.tables, tuple(parts),
        )  # fmt: skip

    for part in study.parts:
        parts.append(_run_part(part, release, second, parts, changes, seed, Path(out), on_progress, should_stop))
        write_study(results())
        if parts[-1].status == STOPPED:
            break
    if all(part.status == LEFT_OUT for part in parts):
        raise NothingToLearn(f"no part of {study.name} can be trained: {parts[0].message}")
    return results()


def _run_part(part: Part, release, second, before, changes, seed, out, on_progress, should_stop) -> PartResult:
    from learning.datasets import NothingToLearn
    from learning.training import TrainingDiverged, train_release

    known = {"name": part.name, "recipe": part.recipe, "labels": part.labels, "starts_from": part.base}
    if part.is_second and second is None:
        return PartResult(status=LEFT_OUT, message=NO_SECOND, changes=changes, **known)
    config, message = recipe(part.recipe).config.with_changes(changes), ""
    found = next((result for result in before if result.name == part.base), None)
    if found is not None and not config.network.pretrained:
        if found.status == FINISHED:
            changes = changes | {"network.pretrained": str(out / found.checkpoint)}
            config = config.with_changes(changes)
        else:
            message = begun_without(part, found.message or found.status)

    def tell(progress):
        if on_progress:
            on_progress(part.name, progress)

    here, how = second if part.is_second else release, {"on_progress": tell, "should_stop": should_stop}
    try:
        made = train_release(here, config, seed=seed, out=out / part.name, recipe_name=part.recipe, **how)
    except (NothingToLearn, TrainingDiverged) as error:
        return PartResult(status=LEFT_OUT, message=str(error), changes=changes, **known)
    there = {}
    if part.is_measured_elsewhere and second is not None and made.status == FINISHED:
        there = elsewhere(made.checkpoint, release, second, seed)
    return PartResult(
        status=made.status, message=message, changes=changes, seconds=made.seconds,
        checkpoint=str(made.checkpoint.relative_to(out)), metrics=made.metrics, curve=made.curve, second=there,
        **known,
    )  # fmt: skip


def elsewhere(path: Path, release: Release, second: Release, seed: int) -> dict:
    """Return how the network of a checkpoint fares on the second collection (`learning.transfer`). Loads torch."""
    from learning.checkpoints import load_checkpoint
    from learning.optimisation import device_named
    from learning.transfer import measured_elsewhere

    checkpoint = load_checkpoint(path)
    device = device_named(checkpoint.config.training.device)
    return measured_elsewhere(checkpoint, release, second, seed=seed, device=device)


def headline(metrics: dict) -> str:
    """Return the figures of one network in words: of the test split, else of the validation split."""
    if "overfit" in metrics:
        return metrics["overfit"]
    for split in ("test", "validation"):
        if metrics.get(f"accuracy_{split}") is not None:
            return (
                f"{split} accuracy {metrics[f'accuracy_{split}']:.3f}, F1 {metrics[f'f1_{split}']:.3f} "
                f"(majority class {metrics[f'majority_{split}']:.3f})"
            )
        if metrics.get(f"mae_{split}") is not None:
            figures = {"R²": "r2", "ceiling": "r2_ceiling", "Pearson": "pearson"}
            shown = [f"{word} {metrics[f'{name}_{split}']:.3f}" for word, name in figures.items()
                     if metrics.get(f"{name}_{split}") is not None]  # fmt: skip
            error = f"error {metrics[f'mae_{split}']:.3f} (of the mean {metrics[f'mae_of_mean_{split}']:.3f})"
            return f"{split} {', '.join([error, *shown])}"
        if metrics.get(f"satisfied_{split}") is not None:
            return f"{split} satisfied {metrics[f'satisfied_{split}']:.3f} (chance .5)"
    return "nothing to measure on"
