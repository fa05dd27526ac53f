"""Django settings. Everything that differs between installations comes from the environment (``.env.example``)."""

from __future__ import annotations

from vwed import databases, logs
from vwed.env import ROOT, env, load_env_file
from vwed.navigation import UNFOLD  # noqa: F401 - read by the theme
from vwed.secrets import secret_key

load_env_file()

# --- Core ------------------------------------------------------------------------------------------------------------
BASE_DIR = ROOT
#: Relative to the project, wherever a process is started.
VAR_DIR = ROOT / env.str("VAR_DIR", default="var")
DEBUG = env.bool("DEBUG", default=False)
#: Made at the first start when the environment gives none; several hosts must be given the same one.
SECRET_KEY = env.str("SECRET_KEY", default="") or secret_key(VAR_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
#: Which process this is. ``web`` (set by ``vwed.asgi``) gets the connection pool; no process that forks may have one.
PROCESS = env.str("VWED_PROCESS", default="")
#: Shown in the header: what this installation is called, for example a plant or "Demo".
INSTALLATION = env.str("INSTALLATION", default="")
#: Process id of the supervisor that started this process, if one did.
CONSOLE_PID = env.str("VWED_CONSOLE_PID", default="")
#: Whether processes are sampled and their past, growth and alerts are kept. Switched off to measure what that costs.
MONITORING = env.bool("MONITORING", default=True)
#: How processes log: ``text`` for people, ``json`` for a collector.
LOG_FORMAT = env.log_format("LOG_FORMAT")
LOGGING = logs.configuration(LOG_FORMAT)
LOGGING_CONFIG = "vwed.logs.configure"
ROOT_URLCONF = "vwed.urls"
ASGI_APPLICATION = "vwed.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.forms",
    "vwed.apps.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_q",
    "vwed.apps.VwedConfig",
    "scheduler",
    "storage",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "vwed.middleware.ContentSecurityPolicy",
    "vwed.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
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

# --- Database --------------------------------------------------------------------------------------------------------
DATABASES = {
    "default": databases.complete(
        env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'vwed.sqlite3'}"), web=PROCESS == "web"
    ),
}

# --- Cluster (django-q2; the broker and the queues are ours, see scheduler/q2) ----------------------------------------
Q_CLUSTER = {
    "name": "vwed",
    "broker_class": "scheduler.q2.broker.RecordBroker",
    "workers": env.int("WORKERS", default=2),
    "timeout": 3600,
    "retry": 7200,
    "save_limit": -1,
    "ack_failures": True,
    "max_attempts": 1,
    "guard_cycle": 0.5,
    "scheduler": False,
    "catch_up": False,
    "log_level": "WARNING",
    "label": "Cluster",
}
REDIS_URL = env.str("REDIS_URL", default="")
FLEET_URL = env.str("FLEET_URL", default="http://127.0.0.1:8088")

# --- Alerts ----------------------------------------------------------------------------------------------------------
#: The mail server; without one alerts go to webhooks and are shown.
EMAIL_URL = env.str("EMAIL_URL", default="")
_MAIL = env.email_url_config(EMAIL_URL or "dummymail://")
EMAIL_BACKEND = _MAIL["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _MAIL.get("EMAIL_HOST") or "localhost", _MAIL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.get("EMAIL_HOST_USER") or "", _MAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.get("EMAIL_USE_TLS", False), _MAIL.get("EMAIL_USE_SSL", False)
EMAIL_FILE_PATH = _MAIL.get("EMAIL_FILE_PATH") or None
EMAIL_TIMEOUT = 5
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="vwed@localhost")
#: Language of mails and webhooks.
ALERT_LANGUAGE = env.str("ALERT_LANGUAGE", default="en")
#: Where people reach the console; links in messages begin with it.
CONSOLE_URL = env.str("CONSOLE_URL", default="").rstrip("/")

# --- Live panels (Channels) ------------------------------------------------------------------------------------------
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"},
}

# --- Security --------------------------------------------------------------------------------------------------------
#: True behind a proxy that ends TLS and sets X-Forwarded-Proto: secure cookies, HTTP redirected, HSTS sent.
BEHIND_TLS = env.bool("BEHIND_TLS", default=False)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SESSION_COOKIE_AGE = 12 * 3600
# Who signs in without having asked for a page first begins on the Overview.
LOGIN_URL, LOGIN_REDIRECT_URL = "admin:login", "admin:index"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
#: What a scraper of /metrics must show as a bearer token; without one it is answered on this machine only.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
X_FRAME_OPTIONS = "DENY"
#: Bytes of a form; a task file is a file and has its own limit where it is read.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- Languages and time ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [ROOT / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

# --- Static files ----------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = None
# Served from the packages as they are installed: no collecting step that could be forgotten or be stale.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
# Seconds a browser may use a file without asking; names carry no hash, so an upgrade must show soon.
WHITENOISE_MAX_AGE = 60
