"""Every picture of a collection explained, in parts that are kept: a killed pass goes on where it was.

    DIR/plan.json            what is explained and how; another plan is refused, not mixed in
    DIR/parts/000000.npz     maps and figures of one batch of questions, written in one step
    DIR/explanations.csv     a row a question: score, shares of relevance in parts of the face, changes without them
    DIR/averages.npz         the mean map of each group and method on the mean shape

A part holds `position`, `score` (b,), for each method `map-METHOD` (b, h, w) float16 of which the largest absolute
value is 1, `top-METHOD` (b,) what 1 stands for, `share-METHOD` (b, r), and `change`, `area` (b, r). Everything that
follows is read from the parts, so that it ends the same however often their making was interrupted.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis import faithfulness
from analysis.explaining import asked as asking
from analysis.explaining import methods
from analysis.explaining.asked import Asked
from analysis.explaining.faces import Faces
from analysis.explaining.gathered import Averages
from analysis.explaining.memory import AtOnce
from analysis.gradients import picture_score
from analysis.occlusion import PARTS, occlusion
from analysis.warping import mean_shape
from learning.checkpoints import Checkpoint, load_checkpoint, write_atomically
from triplets.archive import Release

FORMAT = "semblance-explanations/1"
_MAX_SHAPE = 1000


class PlanDiffers(ValueError):
    """The folder holds explanations of something else."""


@dataclass(frozen=True)
class Collection:
    """Explanations of all pictures by one network. asked : the questions, in the order of the parts."""

    folder: Path
    checkpoint: Checkpoint
    faces: Faces
    asked: Asked
    plan: dict

    def parts(self) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """Yield (questions, arrays) of every part in order."""
        for start in range(0, len(self.asked), self.plan["batch"]):
            at = slice(start, min(start + self.plan["batch"], len(self.asked)))
            yield at, _read(_part_path(self.folder, start))

    def maps(self, questions: Sequence[int], method: str) -> np.ndarray:
        """Return (n, h, w) float32 maps of some questions, in the order asked for."""
        found = {}
        for number in sorted(set(map(int, questions))):
            start = number - number % self.plan["batch"]
            arrays = _read(_part_path(self.folder, start))
            found[number] = arrays[f"map-{method}"][number - start].astype(np.float32)
        return np.stack([found[int(number)] for number in questions])


def explain_collection(
    path: Path,
    release: Release,
    folder: Path,
    *,
    wanted: Sequence[str] = tuple(methods.NAMES),
    only: Sequence[str] = (),
    n_steps: int = 16,
    batch: int = 32,
    device="cpu",
    tell: Callable[[int, int], None] | None = None,
) -> Collection:
    """Explain every picture of a release by a checkpoint of pictures and return where it all lies.

    wanted : methods, those that do not apply are left out. only : classes or attributes, () all that are asked.
    tell : called with (questions done, questions). ValueError for other networks; PlanDiffers.
    """
    checkpoint = load_checkpoint(path)
    if checkpoint.config.network.kind != "image":
        kind = checkpoint.config.network.kind
        raise ValueError(f"{path} is a network of kind {kind!r}: expected one of pictures; reports explain the others")
    if batch < 1 or n_steps < 1:
        raise ValueError(f"batch is {batch} and n_steps {n_steps}: expected at least 1")
    faces = Faces(checkpoint, release, device)
    asked, _ = asking.ask(checkpoint, release, faces.pictures, faces.outputs, is_whole=True)
    if only:
        unknown = set(only) - set(asked.groups)
        if unknown:
            raise ValueError(f"--only names {sorted(unknown)[0]!r}: expected some of {', '.join(asked.groups)}")
        asked = asked.where(np.flatnonzero(np.isin(asked.group, list(only))))
    usable, left_out = methods.usable(
        faces.network,
        has_neutral=faces.has_neutral,
        has_regions=bool(faces.has_landmarks(asked.position).any()),
        n_steps=n_steps,
        wanted=wanted,
    )
    plan = {
        "format": FORMAT,
        "checkpoint_sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        "release_sha256": release.sha256,
        "methods": list(usable),
        "left_out": left_out,
        "groups": asked.groups,
        "n_questions": len(asked),
        "n_steps": n_steps,
        "batch": batch,
        "device": str(device).split(":")[0],
    }
    _keep_plan(folder, plan)
    found = Collection(folder, checkpoint, faces, asked, plan)
    at_once = AtOnce(batch)
    for start in range(0, len(asked), batch):
        if _is_whole(_part_path(folder, start)):
            continue
        part = asked.where(np.arange(start, min(start + batch, len(asked))))
        buffer = io.BytesIO()
        np.savez(buffer, **_explained(faces, usable, part, at_once))
        write_atomically(_part_path(folder, start), buffer.getvalue())
        if tell is not None:
            tell(start + len(part), len(asked))
    write_atomically(folder / "explanations.csv", _table(found).encode())
    buffer = io.BytesIO()
    np.savez(buffer, **{f"{group}/{name}": mean for (group, name), (mean, _) in averages(found).items()})
    write_atomically(folder / "averages.npz", buffer.getvalue())
    return found


def averages(found: Collection) -> dict[tuple[str, str], tuple[np.ndarray, int]]:
    """Return {(group, method or "picture"): (mean on the mean shape, how many)}, {} without landmarks."""
    faces, asked = found.faces, found.asked
    known = np.flatnonzero(faces.has_landmarks(asked.position))
    if not len(known):
        return {}
    some = asked.position[known[:: -(-len(known) // _MAX_SHAPE)]]
    gathered = Averages(mean_shape(faces.points(some), faces.known.size))
    for at, arrays in found.parts():
        part = asked.where(np.arange(at.start, at.stop))
        points = faces.points(part.position)
        for k, group in enumerate(part.group.tolist()):
            gathered.add(group, "picture", points[k], faces.shown(int(part.position[k])))
            for key in found.plan["methods"]:
                gathered.add(group, key, points[k], arrays[f"map-{key}"][k].astype(np.float64))
    names = ["picture", *found.plan["methods"]]
    pairs = [(group, name) for group in asked.groups for name in names]
    return {pair: mean for pair in pairs if (mean := gathered.of(*pair)) is not None}


def _explained(faces: Faces, usable: dict, part: Asked, at_once: AtOnce) -> dict[str, np.ndarray]:
    """Return the arrays of one part, computed in as many pieces as memory needs: what is kept does not depend on it."""
    batch = faces.batch(part)
    pieces = at_once.pieces(len(part), lambda at: _explained_piece(faces.network, usable, batch.where(at)))
    arrays = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    arrays |= {"position": part.position, "score": arrays["score"] + part.offset}
    if batch.regions is not None:
        arrays["parts"] = np.array(batch.regions.names)
    return arrays


def _explained_piece(network, usable: dict, batch: methods.Batch) -> dict[str, np.ndarray]:
    """Return what is computed of some pictures, rows of each array in their order."""
    with torch.no_grad():
        arrays = {"score": picture_score(network)(batch.x, batch.direction).cpu().numpy()}
    for key, explain in usable.items():
        heat = explain(batch).map.float().cpu().numpy()
        top = np.abs(np.nan_to_num(heat)).max(axis=(1, 2))
        arrays[f"map-{key}"] = (heat / np.where(top > 0, top, 1)[:, None, None]).astype(np.float16)
        arrays[f"top-{key}"] = top
        if batch.regions is not None:
            arrays[f"share-{key}"] = faithfulness.shares_in_regions(torch.from_numpy(heat), batch.regions.masks)
    if batch.regions is not None:
        found = occlusion(picture_score(network), batch.x, batch.direction, batch.regions)
        known = batch.regions.masks.any(axis=(1, 2, 3))
        arrays["change"] = np.where(known[:, None], found.change, np.nan)
        arrays["area"] = np.where(known[:, None], found.area, np.nan)
    return arrays


def _table(found: Collection) -> str:
    """Return the CSV of all questions; a part of the face that is unknown leaves its cells empty."""
    keys = [key for key in found.plan["methods"] if key != methods.OCCLUSION]
    names = [name for name in PARTS if any(name in arrays.get("parts", []) for _, arrays in found.parts())]
    columns = ["key", "subject", "group", "truth", "said", "score"]
    columns += [f"{key}: {name}" for key in keys for name in names] + [f"without {name}" for name in names]
    buffer, asked, faces = io.StringIO(), found.asked, found.faces
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for at, arrays in found.parts():
        place = {str(name): k for k, name in enumerate(arrays.get("parts", []))}

        def cells(name, k, arrays=arrays, place=place):
            here = arrays.get(name)
            values = [np.nan if here is None or part not in place else here[k, place[part]] for part in names]
            return ["" if np.isnan(value) else f"{value:.6g}" for value in values]

        for k, number in enumerate(range(at.start, at.stop)):
            row = int(faces.pictures.row[asked.position[number]])
            said = [asked.group[number], asked.truth[number], asked.said[number], f"{arrays['score'][k]:.6g}"]
            own = [faces.release.stimuli.key[row], faces.people[asked.position[number]], *said]
            shares = [cell for key in keys for cell in cells(f"share-{key}", k)]
            writer.writerow([*own, *shares, *cells("change", k)])
    return buffer.getvalue()


def _keep_plan(folder: Path, plan: dict) -> None:
    folder.joinpath("parts").mkdir(parents=True, exist_ok=True)
    path = folder / "plan.json"
    if not path.is_file():
        write_atomically(path, (json.dumps(plan, indent=1) + "\n").encode())
        return
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept != plan:
        changed = sorted(name for name in kept.keys() | plan.keys() if kept.get(name) != plan.get(name))
        raise PlanDiffers(
            f"{folder} holds explanations with another {' and '.join(changed)}: choose another folder, or delete it"
        )


def _part_path(folder: Path, start: int) -> Path:
    return folder / "parts" / f"{start:06d}.npz"


def _is_whole(path: Path) -> bool:
    try:
        return path.is_file() and bool(_read(path))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return False


def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
