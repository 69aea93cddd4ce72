"""`manage.py start`: web server, workers and scheduler together, until Ctrl-C."""

import os
import socket
import subprocess
import sys
from urllib.parse import urlparse

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config.supervisor import Supervisor, site_environment, site_parts


def prepare_site(environment: dict) -> None:
    """Bring the database up to date and gather the static files as the served site wants them."""
    call_command("migrate", verbosity=0)
    subprocess.run([sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"],
                   env=environment, cwd=settings.BASE_DIR, check=True)  # fmt: skip


def refuse_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} on {host} cannot be used ({error.strerror}). Is Semblance running already? "
                f"Another port: SITE_URL=http://127.0.0.1:{port + 1} make start"
            ) from error


class Command(BaseCommand):
    help = "Run web server, workers and scheduler together; stop them together with Ctrl-C."

    def add_arguments(self, parser):
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"), help="0.0.0.0 to serve a network")
        parser.add_argument("--port", type=int, default=None, help="default: the port of SITE_URL")

    def handle(self, *args, host, port, **options):
        port = port or urlparse(settings.SITE_URL).port or 8000
        refuse_taken_port(host, port)
        environment = site_environment(settings)
        prepare_site(environment)
        supervisor = Supervisor(site_parts(host, port), environment, self.say)
        supervisor.start()
        self.say(f"Semblance runs at {settings.SITE_URL} (admin: {settings.SITE_URL}/admin/). Ctrl-C stops it.")
        if not get_user_model().objects.filter(is_superuser=True).exists():
            self.say("Nobody can log in yet: .venv/bin/python manage.py createsuperuser makes an account.")
        sys.exit(supervisor.watch())

    def say(self, line):
        self.stdout.write(line)
        self.stdout.flush()  # into a file or a pipe, too, when it happens and not at the end
