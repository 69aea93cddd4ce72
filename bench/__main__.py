"""`make bench` runs every measurement that the README quotes; `make bench ARGS="brokers vae"` runs some."""

import importlib
import pkgutil
import sys
import time
from pathlib import Path


def main(names: list[str]) -> int:
    known = sorted(
        module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name != "__main__"
    )
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no measurement {unknown[0]!r}: expected some of {', '.join(known)}", file=sys.stderr)
        return 2
    for name in names or known:
        module = importlib.import_module(f"bench.{name}")
        if not names and getattr(module, "IS_LONG", False):
            print(f"\n== {name} == left out: it takes hours; name it to run it", flush=True)
            continue
        print(f"\n== {name} ==", flush=True)
        started = time.monotonic()
        module.main()
        print(f"({name}: {time.monotonic() - started:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
