"""How quickly answers are saved: gunicorn and PostgreSQL, 16 and 100 people who do not think, up to 10^6 open slots.

`python -m bench serving`, or `python -m bench.serving [people] [slots] [--seconds 12] [--largest 1000000]`.
Latency is what a client sees from its answer to the next question; a response counts when the server has said that
it is saved (fsync and synchronous_commit are on, as PostgreSQL comes). Server, database and clients share this
machine; the CPU of each is told beside. At the end PostgreSQL is killed and started again, and each acknowledged
response must be there exactly once.
"""

from bench.serving.measuring import main

__all__ = ["main"]
