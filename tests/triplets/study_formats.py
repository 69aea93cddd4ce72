"""Small files as the studies' collections have them, made from the synthetic face."""

import zipfile
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

from triplets import synthetic


def picture(path, size=(8, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "grey").save(path)


def scan(subject: int, **movements) -> np.ndarray:
    """Return (83, 3) landmarks as in a scan: y upwards, z towards the viewer."""
    identity = synthetic.sample_identity(np.random.default_rng(subject))
    units = np.array([movements.get(name, 0.0) for name in synthetic.ACTION_UNITS])
    return synthetic.landmarks(identity, units).astype(float) * np.array([1.0, -1.0, -1.0])


def shuffled_rings(points: np.ndarray) -> np.ndarray:
    """Return the points with the right eye and brow first and each eye's ring begun elsewhere and run backwards."""
    order = np.arange(83)
    order[:16] = np.r_[np.roll(np.arange(8, 16)[::-1], 3), np.roll(np.arange(8), 2)]
    order[16:36] = np.r_[26:36, 16:26]
    return points[order]


def write_bnd(path, points, *, with_vertex: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        (f"{17 * index}\t\t" if with_vertex else "") + f"{x:.6f} {y:.6f} {z:.6f}"
        for index, (x, y, z) in enumerate(points)
    ]
    path.write_text("\n".join(lines) + "\n")


def write_workbook(path, sheets: dict[str, list[list]], before: str = "") -> None:
    """Write rows of text, numbers and None (no cell) as Excel would, texts shared and empty cells left out."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    texts: dict[str, int] = {}

    def cell(value, row: int, column: int) -> str:
        letters = (
            chr(ord("A") + column) if column < 26 else chr(ord("A") + column // 26 - 1) + chr(ord("A") + column % 26)
        )
        place = f'r="{letters}{row}"'
        if isinstance(value, str):
            return f'<c {place} t="s"><v>{texts.setdefault(value, len(texts))}</v></c>'
        return f"<c {place}><v>{value}</v></c>"

    with zipfile.ZipFile(path, "w") as archive:
        for number, rows in enumerate(sheets.values(), start=1):
            body = "".join(
                f'<row r="{r}">' + "".join(cell(v, r, c) for c, v in enumerate(row) if v is not None) + "</row>"
                for r, row in enumerate(rows, start=1)
            )
            sheet = f'{before}<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'
            archive.writestr(f"xl/worksheets/sheet{number}.xml", sheet)
        names = "".join(f'<sheet name="{name}" r:id="r{k}"/>' for k, name in enumerate(sheets, start=1))
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{main}" xmlns:r="{links}"><sheets>{names}</sheets></workbook>'
        )
        targets = "".join(f'<R Id="r{k}" Target="worksheets/sheet{k}.xml"/>' for k in range(1, len(sheets) + 1))
        archive.writestr("xl/_rels/workbook.xml.rels", f"<Rs>{targets}</Rs>")
        shared = "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{main}">{shared}</sst>')


#: The two surveys of the 10k US Adult Faces: columns of each in alphabetical order, capital letters first.
SURVEYS = tuple(
    names.split()
    for names in (
        "atypical boring calm catch catchAns cold common confident egotistic emotUnstable forgettable intelligent "
        "introverted kind responsible subID subage submale subrace trustworthy unattractive unemotional unfamiliar "
        "unfriendly unhappy weird",
        "aggressive attractive caring catch catchAns emotStable emotional familiar friendly happy humble interesting "
        "irresponsible mean memorable normal sociable subID subage submale subrace typical uncertain uncommon "
        "unintelligent untrustworthy",
    )
)
OF_RATERS = {"catch", "catchAns", "subID", "subage", "submale", "subrace"}


def rated_faces(names, seed=0, n_rows=15, n_raters=40, columns=SURVEYS) -> list[list]:
    """Return header and rows as in `psychology-attributes.xlsx`, sheet "All Data": n_rows a face, two raters a row.

    A face has a quality of its own in every attribute; raters with an odd number rate twice as carelessly.
    """
    rng = np.random.default_rng(seed)
    rows: list[list] = [["Filename", "Image #", *columns[0], *columns[1]]]
    for place, name in enumerate(names, start=1):
        quality = {attribute: rng.uniform(2, 8) for survey in columns for attribute in survey}
        raters = [rng.permutation(n_raters)[:n_rows] for _ in columns]
        for k in range(n_rows):
            row: list = [name, place]
            for survey, who in zip(columns, (of[k] for of in raters), strict=True):
                about = {"catch": 5, "catchAns": 5, "subID": int(who) + 1, "subage": 1 + int(who) % 5,
                         "submale": int(who) % 2, "subrace": int(who) % 7}  # fmt: skip
                for column in survey:
                    said = quality[column] + (1 + int(who) % 2) * rng.normal()
                    row.append(about[column] if column in OF_RATERS else int(np.clip(np.round(said), 1, 9)))
            rows.append(row)
    return rows


def as_text(rows: list[list], separator=",") -> str:
    """Return rows as CSV; None and nan are "NaN", as the collection writes what nobody answered."""
    return "".join(separator.join("NaN" if cell is None else str(cell) for cell in row) + "\n" for row in rows)
