"""How often one address may enter and one participation may answer: more gets 429, a sentence and Retry-After.

The counts lie in one small file in VAR_DIR that every process of a machine reads and writes in place: counting costs
microseconds, waits for nobody and needs no server. Keys are hashed with the site's secret, so the file names no
address, and nobody can aim at the place where somebody else is counted. On several machines each counts for itself.
"""

import functools
import hashlib
import ipaddress
import os
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.http import JsonResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from triplets.counting import counted

N_PLACES = 2**16
PLACE = struct.Struct("<II")  # window, count

ENTRY = {"annotation:join", "annotation:enter_mturk", "annotation:enter_prolific"}
JSON = {"annotation:assignment", "annotation:responses"}
SENTENCES = {
    "entry": "Very many people are coming from your network just now. Please try again in {wait}; nothing is lost.",
    "answer": "That was faster than we can take answers. Please wait {wait} and go on; what was saved is safe.",
    "login": "Too many attempts to log in came from your network. Please try again in {wait}.",
}


class Counters:
    """Counts of keys within fixed windows of time, shared by all processes that open the same file.

    Each key has a place in each of two tables, and the smaller count holds: two keys must share both places before
    one is counted for the other. Two processes that count at the very same moment may count once.
    """

    def __init__(self, path: Path):
        self.path = path
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._file = open(handle, "r+b", buffering=0)  # noqa: SIM115 - open as long as its process counts
        os.ftruncate(handle, 2 * N_PLACES * PLACE.size)  # new places are zero; a file of this size stays as it is
        self._lock = threading.Lock()

    def count(self, key: str, seconds: int, now: float) -> int:
        """Count one more of `key` in the current window and return how many that makes."""
        window = int(now // seconds) & 0xFFFFFFFF
        digest = hashlib.blake2b(f"{seconds}/{key}".encode(), key=settings.SECRET_KEY.encode()[:64], digest_size=8)
        one, other = struct.unpack("<II", digest.digest())
        counts = []
        with self._lock:
            for place in (one % N_PLACES, N_PLACES + other % N_PLACES):
                at, n = PLACE.unpack(os.pread(self._file.fileno(), PLACE.size, place * PLACE.size))
                n = min(n + 1, 0xFFFFFFFF) if at == window else 1
                os.pwrite(self._file.fileno(), PLACE.pack(window, n), place * PLACE.size)
                counts.append(n)
        return min(counts)


@dataclass(frozen=True)
class Wanted:
    """What a request counts for: the rule, and whose count it is."""

    rule: str
    key: str


def wanted(request) -> Wanted | None:
    """Return what a request counts for, None for the many that are not counted."""
    name = request.resolver_match.view_name
    if name in ENTRY:
        return Wanted("entry", network_of(request))
    if name == "admin:login" and request.method == "POST":
        return Wanted("login", network_of(request))
    if name.startswith("annotation:") and (request.method == "POST" or name == "annotation:assignment"):
        return Wanted("answer", request.resolver_match.kwargs.get("token", ""))
    return None


def network_of(request) -> str:
    """Return the visitor's address; of IPv6 the /64 that one household has.

    Behind a proxy of ours (BEHIND_TLS_PROXY) that is the last address of X-Forwarded-For, which the proxy wrote; what
    stands before it was written by the visitor.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.SECURE_PROXY_SSL_HEADER:
        address = request.META.get("HTTP_X_FORWARDED_FOR", address).rsplit(",", 1)[-1].strip()
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)


def spoken(seconds: int) -> str:
    return counted(seconds, "second") if seconds < 120 else f"{-(-seconds // 60)} minutes"


class RateLimitMiddleware:
    """Refuse what comes more often than `settings.RATE_LIMITS` allows: {rule: (requests, seconds)}, 0 for no limit."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        # Before anything reads the body: that alone would fill the disk.
        return too_large(request) or self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        counted = wanted(request)
        if counted is None:
            return None
        most, seconds = settings.RATE_LIMITS[counted.rule]
        now = time.time()
        if (
            not most
            or counters_in(settings.VAR_DIR / "rates").count(f"{counted.rule}/{counted.key}", seconds, now) <= most
        ):
            return None
        return refusal(request, counted.rule, max(1, round(seconds - now % seconds + 0.5)))


def too_large(request):
    """Refuse a body that is longer than anything that is sent here: files come from staff alone."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    length = int(text) if text.isdecimal() else 0
    if length <= settings.BODY_MAX_BYTES:
        return None
    most = settings.UPLOAD_MAX_BYTES if request.user.is_staff else settings.BODY_MAX_BYTES
    if length <= most:
        return None
    sentence = f"What was sent has {length:,} bytes: expected at most {most:,}."
    if request.content_type == "application/json":
        return JsonResponse({"error": sentence, "code": "too_large"}, status=413)
    return render(request, "annotation/notice.html", {"title": "That was too large", "message": sentence}, status=413)


@functools.lru_cache(maxsize=4)
def counters_in(path: Path) -> Counters:
    return Counters(path)


def refusal(request, rule: str, wait: int):
    sentence = SENTENCES[rule].format(wait=spoken(wait))
    is_program = request.resolver_match.view_name in JSON or "application/json" in (
        request.content_type, request.headers.get("Accept", "").split(",")[0],
    )  # fmt: skip
    if is_program:
        response = JsonResponse({"error": sentence, "code": "too_many_requests"}, status=429)
    else:
        token = request.resolver_match.kwargs.get("token", "") if rule == "answer" else ""
        context = {"title": "One moment, please", "message": sentence, "go_on": token}
        response = render(request, "annotation/notice.html", context, status=429)
    response["Retry-After"] = str(wait)
    add_never_cache_headers(response)
    return response
