"""What a person sees who works at a local Mechanical Turk: the open HITs, and a HIT in its frame."""

from html import escape

from annotation.endpoints.serving import Reply

_STYLE = """
:root { color-scheme: light dark; --paper: light-dark(#f3f3f1, #16191c); --card: light-dark(#fff, #1f2428);
  --ink: light-dark(#1d2225, #e8eaeb); --quiet: light-dark(#5a6368, #a3adb3); --line: light-dark(#dcdedc, #343b40);
  --deed: light-dark(#24577a, #8fc1e6); --on: light-dark(#fff, #10151a) }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 2rem 1rem;
  background: var(--paper); color: var(--ink) }
h1 { font-size: 1.6rem; margin: 0 0 1.2rem }
h2 { font-size: 1.1rem; margin: 0 }
p { margin: .2rem 0 .8rem }
a { color: var(--deed) }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem }
li, .card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.2rem }
.quiet, footer { color: var(--quiet); font-size: .9rem }
form { display: flex; flex-wrap: wrap; gap: .6rem }
input, button { font: inherit; min-height: 44px; border-radius: 22px; padding: .3rem 1.1rem }
input { flex: 1 1 9rem; min-width: 0; border: 1px solid var(--line); background: var(--paper); color: inherit }
button { border: 0; background: var(--deed); color: var(--on); font-weight: 600; cursor: pointer }
:focus-visible { outline: 3px solid var(--deed); outline-offset: 2px }
iframe { width: 100%; border: 1px solid var(--line); border-radius: 12px; background: #fff }
body:has(iframe) { max-width: 72rem }
footer { margin-top: 2rem }
"""


def open_hits(hits: list[dict], worker_id: str, base_url: str) -> Reply:
    """hits : as the operations of the service describe them."""
    cards = "".join(
        f"<li><h2><a href='/worker/preview/{hit['HITId']}'>{escape(hit['Title'])}</a></h2>"
        f"<p>{escape(hit['Description'])}</p><p class='quiet'>${escape(hit['Reward'])} &middot; "
        f"{hit['NumberOfAssignmentsAvailable']} left</p><form method='post' action='/worker/accept'>"
        f"<input type='hidden' name='hit_id' value='{hit['HITId']}'><input name='worker_id' required "
        f"pattern='A[A-Z0-9]+' placeholder='A1WORKER' aria-label='worker id' value='{escape(worker_id)}'>"
        "<button>Accept</button></form></li>"
        for hit in hits
    )
    shown = f"<ul>{cards}</ul>" if cards else "<p class='card'>No HIT is open.</p>"
    return page(f"<h1>Open HITs</h1>{shown}", f"A local Mechanical Turk at {base_url}. Nobody is paid here.")


def frame(hit: dict, address: str) -> Reply:
    title = f"<h1>{escape(hit['Title'])}</h1>"
    if not address.startswith("http"):
        return page(f"{title}<p class='card'>This question has no page of its own.</p>")
    return page(
        f"{title}<iframe src='{escape(address)}' height='{hit['frame_height'] or 800}' title='the task' "
        "sandbox='allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox'></iframe>"
    )


def submitted() -> Reply:
    return page("<h1>Submitted</h1><p class='card'>The requester will look at your work.</p>")


def page(content: str, footer: str = "") -> Reply:
    """content : HTML; footer : plain text."""
    return Reply(
        body=(
            "<!doctype html><html lang='en'><meta charset='utf-8'><title>Local Mechanical Turk</title>"
            f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style>"
            f"<main>{content}</main><footer>{escape(footer)}</footer></html>"
        ).encode()
    )
