"""Django settings. Everything that differs between installations comes from the environment (``.env.example``)."""

from __future__ import annotations

from vwed import databases
from vwed.env import ROOT, env, load_env_file

load_env_file()

# --- Core ------------------------------------------------------------------------------------------------------------
BASE_DIR = ROOT
VAR_DIR = ROOT / "var"
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="insecure-development-key-please-set-SECRET_KEY-in-the-environment")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
ROOT_URLCONF = "vwed.urls"
ASGI_APPLICATION = "vwed.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_q",
    "vwed",
    "scheduler",
    "storage",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
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
    "default": databases.complete(env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'vwed.sqlite3'}")),
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

# --- Languages and time ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [ROOT / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

# --- Static files ----------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
