"""How fast pictures come in: 10,000 colour JPEGs of 350 pixels with labels and landmarks, then the same again.

`python -m bench.import_stimuli [N]`. Prints the rate and the time of both imports, the time per question of a
design, and the peak memory. Everything lives in a temporary folder with a database of its own.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZE = 350
N_PER_SUBJECT = 25


def write_faces(folder: Path, n: int) -> None:
    """Write n JPEGs (smooth colours under noise, as large as photographs of faces), a manifest and landmarks."""
    from PIL import Image

    rng = np.random.default_rng(0)
    noise = rng.integers(0, 24, (SIZE, SIZE, 3), dtype=np.uint8)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    lines = ["file,subject,class_label,degree,is_neutral"]
    for number in range(n):
        colour = rng.uniform(40, 230, (3, 3))
        smooth = colour[0] + rows[..., None] * (colour[1] - colour[0]) * columns[..., None] + columns[..., None] * 20
        picture = (smooth.clip(0, 230).astype(np.uint8) + np.roll(noise, number, axis=0)).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{number:06}.jpg", quality=92)
        kind = number % N_PER_SUBJECT
        label, degree = ("neutral", 0) if kind == 0 else (f"class{(kind - 1) % 6}", 1 + (kind - 1) // 6)
        lines.append(f"{number:06}.jpg,s{number // N_PER_SUBJECT:05},{label},{degree},{int(kind == 0)}")
    (folder / "stimuli.csv").write_text("\n".join(lines) + "\n")
    names = np.array([f"{number:06}.jpg" for number in range(n)])
    np.savez(folder / "landmarks.npz", stimulus=names, points=rng.uniform(0, SIZE, (n, 83, 3)).astype(np.float32))


def main(n: int = 10_000) -> None:
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as folder:
        os.environ |= {"VAR_DIR": f"{folder}/var", "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "WARNING"}
        os.environ.pop("DATABASE_URL", None)
        import django

        django.setup()
        from django.core.management import call_command

        from triplets.models import Collection
        from triplets.services.questions import create_question_set, create_triplet_questions
        from triplets.services.stimuli import import_stimuli

        call_command("migrate", verbosity=0)
        faces = Path(folder) / "faces"
        faces.mkdir()
        started = time.perf_counter()
        write_faces(faces, n)
        print(f"{n:,} pictures of {SIZE} x {SIZE} drawn in {time.perf_counter() - started:.0f} s")
        for word in ("imported", "imported again"):
            started = time.perf_counter()
            result = import_stimuli("bench", faces / "stimuli.csv", landmarks=faces / "landmarks.npz")
            seconds = time.perf_counter() - started
            print(f"{n:,} {word}, {result.n_new:,} new: {seconds:.1f} s, {n / seconds:,.0f} pictures a second")
        started = time.perf_counter()
        n_questions = create_triplet_questions(create_question_set(Collection.objects.get(), "bench")).n_created
        seconds = time.perf_counter() - started
        print(f"{n_questions:,} questions designed and stored: {seconds:.1f} s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory of the importing process {peak:.0f} MiB; load of this machine {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
