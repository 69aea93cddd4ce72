"""The site as gunicorn serves it, which on demand has done everything and does not answer: there it can be killed.

A request with the header X-Hold names a file; the process writes its number into it and waits.
"""

import os
import time
from pathlib import Path

from config.wsgi import application as site


def application(environ, start_response):
    answer = site(environ, start_response)
    if hold := environ.get("HTTP_X_HOLD"):
        Path(hold).write_text(f"{os.getpid()}\n")
        time.sleep(60)
    return answer
