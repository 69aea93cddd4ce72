"""What every command says where nothing has been set up yet."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_without_a_database_a_command_says_what_makes_one(tmp_path):
    environment = {**os.environ, "VAR_DIR": str(tmp_path)}
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "manage.py", "create_questions", "smiles"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 1 and ended.stdout == ""
    assert ended.stderr == "The database has no tables yet: `make start` makes them, and so does `manage.py migrate`.\n"
