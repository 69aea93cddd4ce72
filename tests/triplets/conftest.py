"""The converter of a study's files, as its command runs."""

import json

import pytest

from triplets.importers.__main__ import main
from triplets.importers.landmarks_npz import read_landmarks
from triplets.importers.manifest import ManifestRow, read_header, read_manifest


@pytest.fixture
def convert(tmp_path, capsys):
    """Run the command; return the manifest's rows by key, the landmarks, the JSON. Complaints are in `convert.said`."""

    def run(name, source, *arguments):
        out = tmp_path / f"out-{len(list(tmp_path.glob('out-*')))}"
        run.out = out
        status = main([name, str(source), "--out", str(out), "--json", *map(str, arguments)])
        said = capsys.readouterr()
        run.said = said.err
        if status:
            assert not out.exists() and not list(tmp_path.glob(".out-*"))
            return None
        rows = list(read_manifest(out / "stimuli.csv", read_header(out / "stimuli.csv")))
        assert all(isinstance(row, ManifestRow) for row in rows)
        points = None
        if (out / "landmarks.npz").exists():
            (tmp_path / f"scratch-{out.name}").mkdir()
            points = read_landmarks(out / "landmarks.npz", tmp_path / f"scratch-{out.name}")
        return {row.key: row for row in rows}, points, json.loads(said.out.splitlines()[-1])

    return run
