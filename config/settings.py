"""All settings, read from the environment. With no variable set this is a laptop's development site.

Variable            Default                      Meaning
DEBUG               1                            0 in production; then SECRET_KEY must be given
SECRET_KEY          made once in VAR_DIR         signs links, sessions and participant tokens
ALLOWED_HOSTS       localhost,127.0.0.1,[::1]    comma-separated host names
SITE_URL            http://127.0.0.1:8000        the address that people use, for links printed by commands
VAR_DIR             ./var                        database, broker, files, logs of the embedded default
DATABASE_URL        SQLite in VAR_DIR            postgresql://user:password@host/name
BROKER_URL          file-system queue in VAR_DIR redis://host:6379/0 or amqp://...
STORAGE_URL         local folder in VAR_DIR      s3://bucket (credentials by boto3's usual variables)
S3_ENDPOINT_URL     AWS                          an S3-compatible service
ENTRIES_PER_MINUTE  1200                         people let in from one network address; 0: no limit
ANSWERS_PER_MINUTE  2400                         answers taken from one person; 0: no limit
PROJECTIONS         pca,tsne,umap                maps in reports; a worker's first UMAP takes half a minute
MTURK_ENDPOINT_URL  none                         docs/mturk.md; for example that of manage.py local_mturk
PROLIFIC_TOKEN      none                         the researcher's API token at Prolific
FIGURE_FONTS        none                         font files with ":" between them, for names in PNG figures in letters
                                                 that Source Sans lacks, such as Chinese, Japanese, Korean or Arabic
EXPLAIN_TERAFLOPS   30                           what explanations of an evaluation may cost, 10^12 operations; 0: none
"""

import os
import secrets
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlparse

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def flag(name: str, default: str) -> bool:
    value = os.environ.get(name, default).strip().lower()
    if value not in {"0", "1", "true", "false", "yes", "no"}:
        raise ImproperlyConfigured(f"{name}={value!r} is not understood: expected 0 or 1.")
    return value in {"1", "true", "yes"}


def kept_secret(path: Path) -> str:
    """Return the key kept in a private file, made on first use: no key stands in the code."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        key = secrets.token_urlsafe(50)
        try:
            with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(key)
        except FileExistsError:  # another process was a moment faster
            return path.read_text().strip()
        return key


DEBUG = flag("DEBUG", "1")
VAR_DIR = Path(os.environ.get("VAR_DIR", BASE_DIR / "var")).resolve()
VAR_DIR.mkdir(parents=True, exist_ok=True)
SECRET_KEY = os.environ.get("SECRET_KEY", "")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "DEBUG=0 needs SECRET_KEY, a long random text that stays the same between starts. "
            'Make one with: python -c "import secrets; print(secrets.token_urlsafe(50))"'
        )
    SECRET_KEY = kept_secret(VAR_DIR / "secret_key")

SITE_URL = os.environ.get("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = [h for h in os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",") if h]
if (site_host := urlparse(SITE_URL).hostname) and site_host not in ALLOWED_HOSTS:
    ALLOWED_HOSTS.append(site_host)
CSRF_TRUSTED_ORIGINS = [SITE_URL]

INSTALLED_APPS = [
    "config.apps.SemblanceAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "csp",
    "config.apps.ConfigConfig",
    "triplets",
    "annotation",
    "learning",
    "analysis",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.limits.RateLimitMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Database -----------------------------------------------------------------
DATABASE_URL = os.environ.get("DATABASE_URL", "")
if DATABASE_URL:
    DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)}
    if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
        # Allows statements that ask for it to be prepared, as annotation/services/saving.py does; PgBouncer understands
        # that from version 1.21 on.
        DATABASES["default"].setdefault("OPTIONS", {}).setdefault("prepare_threshold", 5)
else:
    DATABASES = {
        "default": {
            "ENGINE": "config.sqlite",
            "NAME": VAR_DIR / "semblance.sqlite3",
            "CONN_MAX_AGE": 60,
            "TEST": {"NAME": VAR_DIR / "test.sqlite3"},  # a file, so that threads and servers share it
            "OPTIONS": {
                # An acknowledged answer is on disk (FULL); writers queue instead of failing half-way (IMMEDIATE).
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536;",
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
            },
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Files ----------------------------------------------------------------------
MEDIA_ROOT = VAR_DIR / "files"
STORAGE_URL = os.environ.get("STORAGE_URL", "")
if STORAGE_URL:
    storage = urlparse(STORAGE_URL)
    if storage.scheme != "s3" or not storage.netloc:
        raise ImproperlyConfigured(f"STORAGE_URL={STORAGE_URL!r} is not understood: expected s3://bucket[/prefix].")
    default_storage = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": storage.netloc,
            "location": storage.path.strip("/"),
            "endpoint_url": os.environ.get("S3_ENDPOINT_URL") or None,
            "querystring_auth": True,
            "querystring_expire": 900,
            "file_overwrite": False,
        },
    }
else:
    default_storage = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
STORAGES = {
    "default": default_storage,
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [
    BASE_DIR / "config" / "static",
    # plotly.min.js as it comes in plotly's own wheel; find_spec does not import the package.
    ("plotly", Path(find_spec("plotly").origin).parent / "package_data"),
]
PICTURE_MAX_AGE_SECONDS = 6 * 3600  # a signed picture address outlives the longest assignment lease

# Queue ----------------------------------------------------------------------
CELERY_BROKER_URL = os.environ.get("BROKER_URL", "filesystem://localhost")
if CELERY_BROKER_URL.startswith("filesystem"):
    broker_dir = VAR_DIR / "broker"
    for part in ("messages", "processed", "control"):
        (broker_dir / part).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(broker_dir / "messages"),
        "data_folder_out": str(broker_dir / "messages"),
        "processed_folder": str(broker_dir / "processed"),
        "control_folder": str(broker_dir / "control"),
        "store_processed": False,
        "polling_interval": 0.1,
    }
elif CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 24 * 3600}
# Measuring a network takes seconds to minutes of a CPU; it must not wait behind a day of training on queue `gpu`.
CELERY_TASK_ROUTES = {"learning.tasks.*": {"queue": "gpu"}, "analysis.tasks.*": {"queue": "evaluation"}}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    # The rows are the truth; these sweeps make the queue agree with them after any crash.
    "queue-open-runs-again": {
        "task": "learning.tasks.sweep_runs",
        "schedule": 10,
        "options": {"queue": "default", "expires": 10},
    },
    "queue-open-evaluations-again": {
        "task": "analysis.tasks.sweep_evaluations",
        "schedule": 20,
        "options": {"queue": "default", "expires": 20},
    },
    "queue-errands-again": {
        "task": "triplets.tasks.sweep_errands",
        "schedule": 15,
        "options": {"queue": "default", "expires": 15},
    },
    "tend-policies": {
        "task": "analysis.tasks.tend_policies",
        "schedule": 20,
        "options": {"queue": "default", "expires": 20},
    },
    "tend-studies": {
        "task": "annotation.tasks.tend_studies",
        "schedule": 30,
        "options": {"queue": "default", "expires": 30},
    },
}
for name, task, seconds in (
    ("tend-orders", "annotation.tasks.tend_orders", 15),
    ("collect-submissions", "annotation.tasks.collect_submissions", 60),
    ("write-study-reports", "analysis.tasks.tend_study_reports", 20),
):
    CELERY_BEAT_SCHEDULE[name] = {
        "task": task,
        "schedule": seconds,
        "options": {"queue": "default", "expires": seconds},
    }
RUN_LEASE_SECONDS = int(
    os.environ.get("RUN_LEASE_SECONDS", "30")
)  # a run without a heartbeat this long is queued again
EXPLAIN_TERAFLOPS = float(os.environ.get("EXPLAIN_TERAFLOPS", "30"))
FIGURE_FONTS = os.environ.get("FIGURE_FONTS", "")  # read again by analysis/lettering.py, which knows no settings
if lost := [path for path in FIGURE_FONTS.split(os.pathsep) if path and not Path(path).is_file()]:
    raise ImproperlyConfigured(f"FIGURE_FONTS names {lost[0]!r}, which is not there: expected paths of font files.")

# Recruiters (docs/mturk.md): addresses and keys from the environment only, never from a form ------------
MTURK_ENDPOINT_URL = os.environ.get("MTURK_ENDPOINT_URL", "")
MTURK_REGION = os.environ.get("MTURK_REGION", "us-east-1")
PROLIFIC_URL = os.environ.get("PROLIFIC_URL", "https://api.prolific.com")
PROLIFIC_TOKEN = os.environ.get("PROLIFIC_TOKEN", "")
PROLIFIC_PROJECT = os.environ.get("PROLIFIC_PROJECT", "")
PROLIFIC_CURRENCY = os.environ.get("PROLIFIC_CURRENCY", "GBP")
PROLIFIC_FEE = os.environ.get("PROLIFIC_FEE", "0.428")  # share of the reward that Prolific takes on top

# Security -------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
IS_HTTPS = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if flag("BEHIND_TLS_PROXY", "0") else None
SECURE_HSTS_SECONDS = 3600 * 24 * 30 if IS_HTTPS else 0
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # participant tokens stand in addresses and must not leave with a click
X_FRAME_OPTIONS = "DENY"
picture_hosts = [f"https://{urlparse(STORAGE_URL).netloc}.s3.amazonaws.com"] if STORAGE_URL else []
if os.environ.get("S3_ENDPOINT_URL"):
    endpoint = urlparse(os.environ["S3_ENDPOINT_URL"])
    picture_hosts = [f"{endpoint.scheme}://{endpoint.netloc}"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:", *picture_hosts],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20
PROJECTIONS = [name for name in os.environ.get("PROJECTIONS", "pca,tsne,umap").split(",") if name]
# {rule: (requests, within seconds)}. A university may stand behind one address, and a quick person answers four
# times a second: these stop programs, not people. Simulated people wait as Retry-After says, and go on.
RATE_LIMITS = {
    "entry": (int(os.environ.get("ENTRIES_PER_MINUTE", "1200")), 60),  # from one network address
    "answer": (int(os.environ.get("ANSWERS_PER_MINUTE", "2400")) // 6, 10),  # of one participation
    "login": (100, 300),  # attempts to log in, from one network address
}
IMPORT_MAX_PICTURE_PIXELS = 50_000_000
IMPORT_MAX_PICTURE_BYTES = 30 * 2**20
# Of a zip of pictures that is uploaded at the admin; manage.py import_stimuli takes what lies on the disk.
IMPORT_MAX_FILES = 200_000
IMPORT_MAX_UNPACKED_BYTES = 8 * 2**30
UPLOAD_MAX_BYTES = 2 * 2**30  # of anything that staff upload
BODY_MAX_BYTES = 2**20  # of anything that other people send
FILE_UPLOAD_TEMP_DIR = VAR_DIR / "uploads"  # beside the files: /tmp is memory on many machines
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
    "PAGE_SIZE": 100,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Semblance",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAdminUser"],
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
LOGIN_URL = "admin:login"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
}
