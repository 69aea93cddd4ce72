"""What a whole study leaves in its folder: `study.json`, one entry a network, read back by whoever reports on it.

The folder holds `study.json` and, for each network that was trained, a folder of that name with its checkpoint. The
file is rewritten after every network, in one step, so a study that was killed has the entries of all that ended.

    format        1
    study         name of the study, summary: one line about it
    release_sha256, second_sha256    the collections; the second "" where there is none
    seed          int       changes    settings that were changed for every network
    tables        title -> names of networks in the order of the publication's table
    parts         one entry a network, in the order they are trained: the fields of `PartResult`

Nothing here loads torch.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

RESULTS = "study.json"
FORMAT = 1
FINISHED, STOPPED, LEFT_OUT = "finished", "stopped", "left out"


class StudyUnreadable(ValueError):
    """A folder holds no results of a study, or results of another format; the message says which."""


@dataclass(frozen=True)
class PartResult:
    """One network of a study and how it ended.

    name : of the network within the study and of its folder; recipe : what was trained
    status : "finished", "stopped" (goes on when the study is run again) or "left out", and then why (`message`)
    labels : where it stands among the others, such as {"base": "age", "trained": "dense", "attribute": "happiness"};
        networks that are compared differ in some label and share the rest
    changes : settings that differ from the recipe's, by dotted name
    starts_from : the network of this study whose weights it began with, "" none
    checkpoint : path relative to the study's folder, "" none
    metrics : as `learning.training.TrainingResult.metrics`
    curve : a point a validation, {"step": int, "loss": ..., "validation_loss": ..., ...}
    second : figures on the second collection (`learning.transfer.measured_elsewhere`), {} not measured
    """

    name: str
    recipe: str
    status: str
    message: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    changes: dict[str, str] = field(default_factory=dict)
    starts_from: str = ""
    seconds: float = 0.0
    checkpoint: str = ""
    metrics: dict = field(default_factory=dict)
    curve: list[dict] = field(default_factory=list)
    second: dict = field(default_factory=dict)


@dataclass(frozen=True)
class StudyResults:
    """A study as far as it has been run. folder : where it lies; the rest as the module says."""

    folder: Path
    study: str
    summary: str
    release_sha256: str
    second_sha256: str
    seed: int
    changes: dict[str, str]
    tables: dict[str, tuple[str, ...]]
    parts: tuple[PartResult, ...]

    def part(self, name: str) -> PartResult | None:
        """Return the network of that name, None where the study has not come to it."""
        return next((part for part in self.parts if part.name == name), None)

    def checkpoint(self, part: PartResult) -> Path:
        """Return the path of a network's checkpoint. ValueError for one without."""
        if not part.checkpoint:
            raise ValueError(f"{part.name} of {self.study} has no checkpoint: it is {part.status!r} ({part.message})")
        return self.folder / part.checkpoint


def read_study(folder: str | Path) -> StudyResults:
    """Return what a study has left in a folder so far. StudyUnreadable says what is wrong with it."""
    path = Path(folder) / RESULTS
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise StudyUnreadable(f"{path} cannot be read ({error}): expected the folder of --out of a study") from error
    except ValueError as error:
        raise StudyUnreadable(f"{path} is not JSON ({error})") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        said = found.get("format") if isinstance(found, dict) else found
        raise StudyUnreadable(f"{path} has format {said!r}: expected {FORMAT}")
    known = {item.name for item in fields(PartResult)}
    parts = tuple(PartResult(**{k: v for k, v in part.items() if k in known}) for part in found["parts"])
    tables = {title: tuple(names) for title, names in found["tables"].items()}
    plain = ("study", "summary", "release_sha256", "second_sha256", "seed", "changes")
    return StudyResults(Path(folder), **{name: found[name] for name in plain}, tables=tables, parts=parts)


def write_study(results: StudyResults) -> None:
    """Write `study.json` into the study's folder, in one step."""
    from learning.checkpoints import write_atomically

    described = asdict(results) | {"format": FORMAT}
    del described["folder"]
    write_atomically(results.folder / RESULTS, (json.dumps(described, indent=1) + "\n").encode())
