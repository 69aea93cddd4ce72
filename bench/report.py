"""How fast a report with 5,000 faces is there and moves: python -m bench.report [--faces 5000] [--keep DIR]

Opens the page of the site (files from this process, the site's policy) and the self-contained file in Chromium, both
from nothing in the cache, and prints milliseconds from navigation to the first paint, to the map drawn, and to all
figures there; then what one move of a slider and one turn of the map in three dimensions take. The time of a page
that does nothing stands beside it: on a busy machine compare ratios.
"""

import argparse
import functools
import http.server
import io
import statistics
import tempfile
import threading
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from analysis import pages, portrait, sheets
from bench.vae import posed
from triplets import archive, synthetic

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
N_PICTURES = 40
READY = """() => { const map = document.querySelector("[data-space] canvas");
  return map && map.dataset.drawn && document.querySelectorAll(".drawn svg").length; }"""
WATCH = """window.seen = {}; const look = () => {
  if (!seen.map && document.querySelector("[data-space] canvas")?.dataset.drawn) seen.map = performance.now();
  if (!seen.face && document.querySelector("#explorer-view")?.dataset.drawn) seen.face = performance.now();
  if (!seen.map || !seen.face) requestAnimationFrame(look); }; requestAnimationFrame(look);"""
MOVES = """async () => { const slider = document.querySelector("[data-part=across]"), took = [], frames = [];
  let last = null;
  for (let k = 0; k < 120; k++) { await new Promise(requestAnimationFrame);
    const now = performance.now(); if (last) frames.push(now - last); last = now;
    slider.value = -5 + k / 12; const t = performance.now(); slider.dispatchEvent(new Event("input"));
    took.push(performance.now() - t); }
  return [took, frames]; }"""
TURNS = """async () => { const view = document.querySelector("[data-space=faces]").view, took = [];
  view.find("dims").value = "3"; view.pick();
  for (let k = 0; k < 60; k++) { view.angles[0] += 0.05; const t = performance.now(); view.draw();
    view.context.getImageData(0, 0, 1, 1); took.push(performance.now() - t); await new Promise(requestAnimationFrame); }
  return took; }"""


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=5000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder to leave the pages in")
    options = parser.parse_args(arguments if arguments is not None else [])
    with tempfile.TemporaryDirectory() as folder:
        folder = options.keep or Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        results = many_faces(options.faces, folder)
        (folder / "inline.html").write_text(pages.render_report(results, title="5,000 faces"), encoding="utf-8")
        (folder / "site.html").write_text(
            pages.render_report(results, assets="static", title="5,000 faces", sheets_at="/faces/"), encoding="utf-8"
        )
        (folder / "empty.html").write_text("<!doctype html><title>nothing</title><p>nothing", encoding="utf-8")
        for name in ("inline", "site"):
            print(f"{name}.html: {(folder / f'{name}.html').stat().st_size / 2**20:.1f} MiB")
        measure(folder, options.repeat)


def many_faces(n: int, folder: Path) -> dict:
    """Return results of a small trained network, whose map shows n faces with pictures."""
    from analysis.embedded import represent
    from analysis.evaluation import evaluate, plain
    from learning.recipes import recipe
    from learning.training import train_release

    small, many = _written(posed(20), folder / "release"), posed(n // 25)
    config = recipe("topological-vae").config.with_changes({"n_steps": "200"})
    made = train_release(small, config, seed=0, out=folder / "run", recipe_name="topological-vae")
    results = evaluate(made.checkpoint, small, n_bootstrap=100)
    view = portrait.view(represent(made.checkpoint, many), many, 0, ("pca",))
    # The other maps are as large; what they show does not matter to the clock.
    rng = np.random.default_rng(0)
    for method in ("t-SNE", "UMAP"):
        for one in [m for m in view["maps"] if m["method"] == "PCA"]:
            points = np.array(one["points"])
            points = np.round(points + rng.normal(0, points.std() / 3, points.shape), 4).tolist()
            view["maps"].append(one | {"id": f"{method}-{one['n_dims']}", "method": method, "points": points})
    pictures = [_picture(k) for k in range(N_PICTURES)]
    pictured = _Pictured(many, pictures)
    return results | {"projection": plain(view), "sheets": sheets.contact_sheets(pictured, view["row"])}


def _written(release, folder: Path):
    about = {"study": {"name": "bench"}, "settings": {}, "responses": []}
    about["collection"] = {"name": "synthetic faces", "landmark_scheme": synthetic.SCHEME}
    parts = {name: getattr(release, name) for name in ("stimuli", "landmarks", "triplets", "ratings")}
    archive.write_release(folder, **about, **parts)
    return archive.read_release(folder)


class _Pictured:
    """A release with a few pictures over and over."""

    def __init__(self, release, pictures):
        self.stimuli = type("Stimuli", (), {"picture": np.full(len(release.stimuli), "x.jpg")})
        self.pictures = pictures

    def picture_bytes(self, row: int) -> bytes:
        return self.pictures[row % len(self.pictures)]


def _picture(k: int) -> bytes:
    face = synthetic.make_collection(2, k)[k % 50]
    buffer = io.BytesIO()
    synthetic.render(face.identity, face.action_units, 128, pose=face.pose).save(buffer, "JPEG")
    return buffer.getvalue()


def measure(folder: Path, n: int) -> None:
    class Site(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path):
            name = path.partition("?")[0]
            return str(pages.STATIC.parent / name.removeprefix("/static/") if "/static/" in name else folder / name[1:])

        def log_message(self, *arguments):
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Site, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for name, address in (
            ("nothing", f"{host}/empty.html"), ("page of the site", f"{host}/site.html"),
            ("self-contained file", (folder / "inline.html").resolve().as_uri()),
        ):  # fmt: skip
            found = [_visit(browser, address, name != "nothing") for _ in range(n)]
            said = {key: statistics.median(one[key] for one in found) for key in found[0]}
            print(f"{name}: " + ", ".join(f"{key} {value:.0f} ms" for key, value in said.items()))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{host}/site.html")
        page.wait_for_function(READY)
        page.locator("#explorer-view").scroll_into_view_if_needed()
        took, frames = page.evaluate(MOVES)
        turns = page.evaluate(TURNS)
        print(f"a move of a slider: {_words(took)} of work, a frame every {statistics.median(frames):.1f} ms")
        print(f"a turn of the map in three dimensions: {_words(turns)}")
        browser.close()
    server.shutdown()
    server.server_close()


def _words(took) -> str:
    return f"median {statistics.median(took):.1f} ms, 95 % below {np.quantile(took, 0.95):.1f} ms"


def _visit(browser, address: str, is_report: bool) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(address)
    if is_report:
        page.wait_for_function("() => window.seen.map && window.seen.face")
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length")
    found = page.evaluate(
        """() => ({"first paint": performance.getEntriesByName("first-contentful-paint")[0].startTime,
        "loaded": performance.getEntriesByType("navigation")[0].loadEventEnd, ...window.seen})"""
    )
    context.close()
    names = {"map": "map of faces drawn", "face": "explorer drawn"}
    return {names.get(key, key): value for key, value in found.items()}


if __name__ == "__main__":
    main()
