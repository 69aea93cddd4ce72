#!/usr/bin/env python
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError, connection

    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, ProgrammingError):
        if connection.introspection.table_names():
            raise
        sys.exit("The database has no tables yet: `make start` makes them, and so does `manage.py migrate`.")
