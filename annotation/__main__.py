"""python -m annotation LABELS.csv --method NAME [--gold TRUTH.csv] [--truth TRUTH.csv] --out VERDICTS.csv [--json]

Settles crowd labels without a database. LABELS.csv has the columns item,worker,label; VERDICTS.csv gets
item,verdict,confidence,n. --gold are answers known beforehand (item,truth): they stay as they are and tell whom
to believe elsewhere, so nothing is scored on them. --truth only scores: on items that --gold does not name.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from annotation import voting
from annotation.labels import LabelsRefused, read_labels, read_truth, write_verdicts
from triplets.counting import counted
from triplets.output import status_of


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m annotation", description=__doc__.split("\n\n")[1])
    parser.add_argument("labels", type=Path, metavar="LABELS.csv", help="columns item,worker,label; may end in .gz")
    parser.add_argument("--method", choices=list(voting.METHODS), default="auto", help="default: auto, the platform's")
    parser.add_argument("--gold", type=Path, metavar="TRUTH.csv", help="known answers that the method may use")
    parser.add_argument("--truth", type=Path, metavar="TRUTH.csv", help="known answers that are kept from it, to score")
    parser.add_argument("--out", type=Path, required=True, metavar="VERDICTS.csv")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args(arguments)
    try:
        summary = settle(options.labels, options.method, options.gold, options.truth, options.out, _report)
    except LabelsRefused as error:
        print(f"error: {error}; nothing was written", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    print(_sentence(summary))
    if options.json:
        print(json.dumps(summary, ensure_ascii=False))
    return 0


def settle(labels, method: str, gold, truth, out, report=None) -> dict:
    """Read, vote and write; return what `--json` prints. LabelsRefused, and then nothing was written."""
    for given in filter(None, (labels, gold, truth)):
        if out.exists() and given.exists() and out.samefile(given):
            raise LabelsRefused(f"{out} is what would be read: expected another file for the verdicts")
    if not out.parent.is_dir() or out.is_dir():
        raise LabelsRefused(f"{out} cannot be written: expected a file in a folder that exists")
    started = time.perf_counter()
    known = read_truth(gold, report) if gold else {}
    answers = read_truth(truth, report) if truth else {}
    found = read_labels(labels, known, report)
    key = _keys(found.items)
    prior = {int(key[row]): answer for row, answer in found.known.items()}
    verdicts = voting.METHODS[method](key[found.item], found.worker, found.label, max(2, len(found.classes)), prior)
    place = np.searchsorted(verdicts.question, key)
    summary = {
        "method": method,
        "n_items": len(found.items),
        "n_workers": len(found.workers),
        "n_labels": len(found.label),
        "n_classes": len(found.classes),
        "n_tied": int(verdicts.tied.sum()),
        "n_repeated": found.n_repeated,
    }
    if gold:
        summary |= {"n_gold": len(found.known), "n_gold_unused": found.n_unused}
    if truth:
        summary |= _score(found, verdicts, place, answers)
    classes = found.classes
    write_verdicts(
        out,
        (
            (name, classes[verdicts.verdict[row]], verdicts.confidence[row], verdicts.n[row])
            for name, row in zip(found.items, place, strict=True)
        ),
    )
    return summary | {"seconds": round(time.perf_counter() - started, 3), "out": str(out)}


def _keys(items: list[str]) -> np.ndarray:
    """Return numbers of one length, ordered as the names: ties then take turns as if the names were voted on."""
    key = np.empty(len(items), dtype=np.int64)
    key[sorted(range(len(items)), key=items.__getitem__)] = np.arange(len(items)) + 10 ** len(str(len(items)))
    return key


def _score(found, verdicts, place, answers) -> dict:
    """Return the share of right verdicts where the truth was kept back; m labels tied for best count 1/m."""
    class_of = {name: row for row, name in enumerate(found.classes)}
    scored = [
        (verdicts.question[place[row]], class_of.get(answers[name], len(class_of) + 2))
        for row, name in enumerate(found.items)
        if name in answers and row not in found.known
    ]
    if not scored:
        raise LabelsRefused("no item that somebody labelled has a truth that was kept back: there is nothing to score")
    return {"accuracy": voting.shared_accuracy(verdicts, *zip(*scored, strict=True)), "n_scored": len(scored)}


def _report(path: str, line: int, reason: str) -> None:
    print(f"{path}, line {line}: {reason}", file=sys.stderr)


def _sentence(summary: dict) -> str:
    text = (
        f"{counted(summary['n_items'], 'item')} settled by {summary['method']} from "
        f"{counted(summary['n_labels'], 'label')} of {counted(summary['n_workers'], 'worker')}: {summary['out']}"
    )
    if "accuracy" in summary:
        text += f"; {summary['accuracy']:.3f} of {summary['n_scored']:,} agree with the truth"
    if summary["n_repeated"]:
        repeated = counted(summary["n_repeated"], "label repeats", "labels repeat")
        text += f"; {repeated} a worker's earlier one on the same item, each counts"
    return text


if __name__ == "__main__":
    sys.exit(status_of(main))
