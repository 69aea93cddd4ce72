"""The README.md that lies in a release: what the tables are and how to open them, for somebody who has nothing else.

It says again what the manifest says, which alone counts for the checksum.
"""

import textwrap

import numpy as np

from triplets.counting import counted

_TABLES = {
    "stimuli": "the pictures, one row each",
    "triplets": "what the majority said of which picture looks more like a reference",
    "ratings": "what people said of a picture, on average",
    "responses": "every single answer, people under pseudonyms",
    "annotators": "what people told about themselves, where they agreed that it is published",
}
_SPLITS = ("train", "validation", "test", "none")
_FURTHER = "\n- `au_...`, `attribute_...`, `extra_...`: action units, rated attributes and whatever else was known"
_OPENING = """\
Every table is there twice: `.parquet` keeps the types, `.csv` (UTF-8, commas, decimal points, empty cells unknown)
opens everywhere. In CSV a subject called `001` becomes the number 1 unless it is read as text:

```python
import pandas
from triplets.counting import counted
stimuli = pandas.read_csv("stimuli.csv", dtype={"stimulus": str, "subject": str, "class_label": str})
triplets = pandas.read_parquet("triplets.parquet")      # types are right already
anchors = triplets.merge(stimuli, left_on="anchor", right_on="stimulus")
```

```r
stimuli <- read.csv("stimuli.csv", colClasses = c(stimulus = "character", subject = "character"))
triplets <- arrow::read_parquet("triplets.parquet")
```

In Excel: Data, From Text/CSV, origin "65001: Unicode (UTF-8)", delimiter comma; then set `subject` to Text.
"""


def split_counts(split: np.ndarray) -> dict[str, int]:
    """Return split -> number of rows, of a table's column (n,) str."""
    return dict(zip(*(part.tolist() for part in np.unique(split, return_counts=True)), strict=True))


def describe(manifest: dict, splits: dict[str, dict[str, int]]) -> str:
    """Return Markdown. manifest : of `archive.write_release`; splits : table -> split -> number of its rows."""
    study, collection, counts = manifest["study"], manifest["collection"], manifest["counts"]
    title = study.get("title") or study.get("name") or "A release"
    parts = [
        f"# {title}",
        _wrapped(
            f"Judgements of the faces of `{collection.get('name') or 'a collection'}`, collected and settled with "
            f"Semblance (study `{study.get('name', '')}`, {study.get('kind', '')}): "
            f"{counted(counts['responses'], 'response')}, {counted(counts['triplets'], 'settled triplet')}, "
            f"{counted(counts['ratings'], 'settled rating')}, {counted(counts['stimuli'], 'stimulus', 'stimuli')}, "
            f"{counts['landmarks']:,} of them with landmarks, {counts['pictures']:,} with pictures."
        ),
        _origin(collection),
        _asked(study),
        "## Opening the tables",
        _OPENING.strip(),
    ]
    for table, columns in manifest["columns"].items():
        if f"{table}.csv" in manifest["files"]:
            told = _columns(columns) + (_FURTHER if table == "stimuli" else "")
            parts += [f"## {table}: {_TABLES.get(table, '')}", _splits(splits.get(table, {})), told]
    parts += [
        "## Other files",
        "- `landmarks.npz`: NumPy arrays `stimulus` (names) and `points` (stimuli x points x 2 or 3); x to the right, "
        f"y down. Scheme: {collection.get('landmark_scheme') or 'not stated'}.\n"
        "- `images/`: the pictures, where the licence allows; the column `picture` of the stimuli names them.\n"
        "- `manifest.json`: settings, and size and SHA-256 of every file. Its own SHA-256 is the release's checksum.\n"
        "- `croissant.json`: the same for dataset search engines (MLCommons Croissant).",
        "## Training on it",
        "```sh\npython -m learning FOLDER --recipe topological-vae --out run/\n"
        "python -m analysis run/checkpoint.safetensors FOLDER --out report/\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False)


def _origin(collection: dict) -> str:
    licence = collection.get("licence") or "not stated; ask whoever gave you this before you pass anything on"
    source = f" Source: {collection['source']}" if collection.get("source") else ""
    return _wrapped(f"Licence of the pictures: {licence}.{source}")


def _asked(study: dict) -> str:
    words = " ".join(filter(None, (study.get("question_text"), study.get("instructions"))))
    return "What people read:\n\n" + textwrap.indent(_wrapped(words), "> ") if words else ""


def _splits(counts: dict[str, int]) -> str:
    if not counts:
        return ""
    told = ", ".join(f"{counts[name]:,} {name}" for name in _SPLITS if counts.get(name))
    lost = counts.get("none", 0)
    why = " `none` shows people of different splits, or is no question to learn from." if lost else ""
    return f"Rows: {told}.{why}"


def _columns(columns: dict[str, str]) -> str:
    return "\n".join(f"- `{name}`: {meaning}" for name, meaning in columns.items())
