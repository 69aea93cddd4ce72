"""What pages show of collections, question sets and releases. Everything is counted by the database."""

import io
import zipfile
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow.parquet
from django.db.models import Count
from django.utils import timezone

from triplets.counting import counted
from triplets.models import Collection, Errand, Question, QuestionSet, Release, Split, Stimulus
from triplets.schemes import SCHEMES

_USES = {Split.TRAIN: "training", Split.VALIDATION: "validation", Split.TEST: "testing"}
SPLITS = (*(split.value for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)), "")


@dataclass(frozen=True)
class CountTable:
    """Counts by row and column with sums; `rows` are (name, counts, sum)."""

    columns: list[str]
    rows: list[tuple[str, list[int], int]]
    sums: list[int]
    total: int


def recent_errands(question_set: QuestionSet) -> list[Errand]:
    """Return the newest errands for a study, of a day and no more than three: what its page shows of work."""
    since = timezone.now() - timedelta(days=1)
    found = question_set.errands.filter(created_at__gt=since).select_related("release", "collection")
    return list(found.order_by("-pk")[:3])


def counts_by_class_and_split(collection: Collection) -> CountTable:
    """Return the stimuli of each class in each split."""
    found = collection.stimuli.order_by().values_list("class_label", "subject__split").annotate(n=Count("pk"))
    return _table((label or "no class", split or "", n) for label, split, n in found)


def counts_by_role_and_split(question_set: QuestionSet) -> CountTable:
    """Return the questions of each role in each split."""
    found = question_set.questions.order_by().values_list("kind", "role", "split").annotate(n=Count("pk"))
    return _table((f"{kind}, {role}", split, n) for kind, role, split, n in found)


def contact_sheet(collection: Collection, class_label: str | None = None, split: str | None = None):
    """Return the stimuli with a picture, neighbours by subject, perhaps of one class or split only."""
    stimuli = collection.stimuli.exclude(picture="").select_related("subject").order_by("subject__name", "key")
    if class_label is not None:
        stimuli = stimuli.filter(class_label=class_label)
    if split is not None:
        stimuli = stimuli.filter(subject__split=split)
    return stimuli


def known_questions(question_set: QuestionSet):
    """Return gold and practice questions with what they show."""
    known = question_set.questions.filter(role__in=[Question.Role.GOLD, Question.Role.PRACTICE])
    return known.select_related("reference", "first", "second").order_by("role", "pk")


def release_files(release: Release) -> list[dict]:
    """Return path, n_bytes and sha256 of every file but the single pictures, and their sum as one line."""
    files = release.manifest.get("files", {})
    listed = [{"path": path, **about} for path, about in sorted(files.items()) if not path.startswith("images/")]
    pictures = [about["n_bytes"] for path, about in files.items() if path.startswith("images/")]
    if pictures:
        listed.append({"path": "", "label": f"images/ ({counted(len(pictures), 'picture')})", "n_bytes": sum(pictures)})
    return listed


def release_splits(release: Release) -> str:
    """Return a sentence on which splits the settled triplets, or else the ratings, are in: what a network will see."""
    table = "triplets" if release.n_triplets else "ratings"
    with release.archive.open("rb") as file, zipfile.ZipFile(file) as packed:
        content = io.BytesIO(packed.read(f"{table}.parquet"))
    counts = Counter(pyarrow.parquet.read_table(content, columns=["split"]).column("split").to_pylist())
    told = [f"{counts[split]:,} for {use}" for split, use in _USES.items()]
    if counts[Split.NONE]:
        told.append(f"{counts[Split.NONE]:,} for none of these, because they show people of different splits")
    return f"Of the {table} {', '.join(told)}." if counts else ""


def release_settings(release: Release) -> list[tuple[str, object]]:
    """Return the settings by name, groups opened, as words that a line can end between: "consensus, filter"."""
    found = []
    for name, value in sorted(release.manifest.get("settings", {}).items()):
        group = value.items() if isinstance(value, dict) else [("", value)]
        found.extend((f"{name}, {part}" if part else name, setting) for part, setting in group)
    return [(name.replace("_", " "), _plainly(value)) for name, value in found]


def _plainly(value):
    return ("no", "yes")[value] if isinstance(value, bool) else value


def release_counts(release: Release) -> str:
    """Return what a release holds of what, in words."""
    settled = f"{counted(release.n_triplets, 'triplet')}, {counted(release.n_ratings, 'rating')}"
    return f"{settled}, {counted(release.n_responses, 'response')}"


@dataclass(frozen=True)
class Drawing:
    """Landmarks of one stimulus for SVG: the box in pixels, polylines as point lists, single points."""

    width: float
    height: float
    lines: list[str]
    points: list[tuple[float, float]]


def landmark_drawing(stimulus: Stimulus) -> Drawing | None:
    """Return the landmarks of a stimulus as a drawing over its picture, None where it has none."""
    if not stimulus.has_landmarks:
        return None
    kept = stimulus.landmark_set
    points = np.frombuffer(kept.points, dtype="<f4").reshape(kept.n_points, kept.n_dims)[:, :2].round(1)
    scheme = SCHEMES.get(stimulus.collection.landmark_scheme)
    width, height = (stimulus.width, stimulus.height) if stimulus.width else points.max(axis=0) + points.min(axis=0)
    lines = [" ".join(f"{x:g},{y:g}" for x, y in points[list(line)]) for line in scheme.lines] if scheme else []
    return Drawing(float(width), float(height), lines, [] if lines else points.tolist())


def _table(numbers) -> CountTable:
    cells: dict[str, dict[str, int]] = {}
    for row, column, n in numbers:
        cells.setdefault(row, {})
        cells[row][column] = cells[row].get(column, 0) + n
    present = {column for row in cells.values() for column in row}
    columns = [column for column in (*SPLITS, Split.NONE.value) if column in present]
    rows = [(name, [row.get(c, 0) for c in columns], sum(row.values())) for name, row in sorted(cells.items())]
    sums = [sum(row.get(column, 0) for row in cells.values()) for column in columns]
    return CountTable([column or "not split" for column in columns], rows, sums, sum(sums))
