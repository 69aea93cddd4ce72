"""Addresses of pictures: signed, short-lived, and telling nothing about what is shown."""

import base64
import binascii
import hashlib
import hmac
import secrets
from functools import cache

from django.conf import settings
from django.core import signing
from django.urls import get_script_prefix, get_urlconf, reverse

SALT = "triplets.picture"
NONCE_BYTES = 9
KEY_BYTES = 8


class PictureAddressExpired(ValueError):
    """The address was signed here, too long ago."""


class PictureAddressInvalid(ValueError):
    """The address was not signed here."""


def picture_url(stimulus_pk: int) -> str:
    """Return a fresh address of a stimulus's picture, valid for settings.PICTURE_MAX_AGE_SECONDS.

    Two addresses of one picture look unrelated, and neither shows the primary key: whoever keeps
    addresses cannot tell that a gold picture was seen before, count stimuli or reach the next one.
    """
    return _place(get_script_prefix(), get_urlconf()) + picture_token(stimulus_pk)


@cache
def _place(script_prefix: str, urlconf) -> str:
    """What stands before a token, which needs no quoting. A page of twenty questions has sixty addresses."""
    return reverse("triplets:picture", args=["token"], urlconf=urlconf).removesuffix("token")


def picture_token(stimulus_pk: int) -> str:
    nonce = secrets.token_bytes(NONCE_BYTES)
    masked = (stimulus_pk ^ _mask(nonce)).to_bytes(KEY_BYTES, "big")
    return signing.TimestampSigner(salt=SALT).sign(base64.urlsafe_b64encode(nonce + masked).decode().rstrip("="))


def stimulus_of_token(token: str) -> int:
    """Return the primary key in a token. PictureAddressExpired, PictureAddressInvalid."""
    try:
        value = signing.TimestampSigner(salt=SALT).unsign(token, max_age=settings.PICTURE_MAX_AGE_SECONDS)
        content = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except signing.SignatureExpired as error:
        raise PictureAddressExpired("this picture address has expired; load the page again") from error
    except (signing.BadSignature, binascii.Error) as error:
        raise PictureAddressInvalid("this is no address of a picture") from error
    nonce, masked = content[:NONCE_BYTES], content[NONCE_BYTES:]
    return int.from_bytes(masked, "big") ^ _mask(nonce)


def _mask(nonce: bytes) -> int:
    """Return a one-time pad for a primary key: the nonce is never used twice, the signature guards the rest."""
    key = hashlib.sha256(f"{SALT}.mask{settings.SECRET_KEY}".encode()).digest()
    return int.from_bytes(hmac.digest(key, nonce, "sha256")[:KEY_BYTES], "big")
