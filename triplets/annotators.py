"""The people of a release, under their pseudonyms, and what they told about themselves and agreed to publish.

The table is there only where a study's consent says so. Whoever told nothing, or agreed to other words, stands
in it with empty cells. `n_alike` tells how many people of the table told exactly the same: a small number is somebody
who might be recognised by whoever knows that they took part.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

TABLE = "annotators"
PREFIX = "about_"
#: Groups of fewer people are small: counted in the manifest, and said to the researcher beforehand.
SMALL = 5


@dataclass(frozen=True)
class Annotators:
    """key : (n,) str pseudonyms, sorted. about : field -> (n,) str, "" not told or not to be published."""

    key: np.ndarray
    about: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.key)

    @property
    def n_alike(self) -> np.ndarray:
        """Return (n,) int: how many, this one included, told the same; 0 for those who told nothing."""
        told = list(zip(*self.about.values(), strict=True)) if self.about else [()] * len(self)
        times = {}
        for answers in told:
            times[answers] = times.get(answers, 0) + 1
        return np.array([times[answers] if any(answers) else 0 for answers in told], dtype=np.int64)

    def summary(self) -> dict:
        """Return what the manifest says: how many told anything, and how many of them are in a small group."""
        alike = self.n_alike[self.n_alike > 0]
        return {
            "fields": list(self.about),
            "n_annotators": len(self),
            "n_told": len(alike),
            "small_group": SMALL,
            "n_in_small_groups": int((alike < SMALL).sum()),
            "smallest_group": int(alike.min()) if len(alike) else 0,
        }

    def columns(self) -> dict[str, str]:
        """Return column -> what it means."""
        told = {f"{PREFIX}{name}": f"what they told about {name!r}, empty where nothing" for name in self.about}
        return {
            "annotator": "pseudonym, as in responses; different in every study",
            "n_alike": "how many annotators told exactly the same, themselves included; 0 told nothing",
            **told,
        }

    def table(self) -> pa.Table:
        columns = {"annotator": pa.array(self.key.tolist(), pa.string()), "n_alike": pa.array(self.n_alike)}
        columns |= {f"{PREFIX}{name}": pa.array(told.tolist(), pa.string()) for name, told in self.about.items()}
        return pa.table(columns)


def from_table(table: pa.Table) -> Annotators:
    def texts(name):
        return np.array(table.column(name).to_pylist(), dtype=np.str_)

    names = [name for name in table.column_names if name.startswith(PREFIX)]
    return Annotators(texts("annotator"), {name.removeprefix(PREFIX): texts(name) for name in names})
