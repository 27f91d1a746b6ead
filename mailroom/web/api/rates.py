"""A key's rate, as the API tells of it: headers in every answer, and 429."""

from __future__ import annotations

from flask import Flask, current_app

from mailroom.engine.key_rates import Rates, Standing
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.web.api.errors import ApiError


def init_app(app: Flask, redis_url: str) -> None:
    app.extensions["mailroom.rates"] = Rates(redis_url)


def limited(key: ApiKey) -> dict[str, str]:
    """Counts this request; the headers that tell of it. Raises ApiError when the key has asked too often."""
    rates: Rates = current_app.extensions["mailroom.rates"]
    standing = rates.hit(key)
    if standing.is_over:
        message = f"This API key may make {key.rate.replace('/', ' requests a ')}: wait, then try again."
        headers = {**_headers(standing), "Retry-After": str(standing.seconds_left)}
        raise ApiError(429, "rate_limit_exceeded", message, headers)
    return _headers(standing)


def _headers(standing: Standing) -> dict[str, str]:
    return {
        "ratelimit-limit": str(standing.limit),
        "ratelimit-remaining": str(max(0, standing.limit - standing.used)),
        "ratelimit-reset": str(standing.seconds_left),
    }
