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


@pytest.fixture
def researcher_page(chromium, live_server, client, rita):
    """A telephone in Rita's hand, logged in to the admin."""
    client.force_login(rita)
    context = chromium.new_context(viewport={"width": 360, "height": 800}, base_url=live_server.url)
    context.set_default_timeout(15_000)
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    yield context.new_page()
    context.close()
