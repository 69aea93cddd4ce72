import pytest


@pytest.fixture
def visit(chromium, live_server):
    """Open a page of the running site in a browser of its own; every complaint of the browser fails the test."""
    contexts, complaints = [], []

    def open_page(url, **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if "Security Policy" in line.text else None)
        page.goto(live_server.url + url.removeprefix("http://127.0.0.1:8000"))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
