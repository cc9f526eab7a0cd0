"""What the door remembers, told the time: token buckets and recent submissions. Bounded."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

_MOST_BUCKETS = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_seconds: float


class RateLimit:
    """A token bucket for each key: `per_second` requests on average, `burst` at once. Keys do not share."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = max(burst, 1.0)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_seconds(self, key_id: str, now_seconds: float) -> float:
        """Takes a token and returns 0, or returns the seconds until there is one. Time is monotonic."""
        bucket = self._buckets.pop(key_id, None) or _Bucket(self._burst, now_seconds)
        self._buckets[key_id] = bucket
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        gained = max(0.0, now_seconds - bucket.at_seconds) * self._per_second
        bucket.tokens, bucket.at_seconds = min(self._burst, bucket.tokens + gained), now_seconds
        if bucket.tokens < 1.0:
            return (1.0 - bucket.tokens) / self._per_second
        bucket.tokens -= 1.0
        return 0.0


class RecentSubmissions:
    """The payload hash of the last `capacity` acknowledged submissions of each (agency, submission_id)."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._hashes: OrderedDict[tuple[str, str], str] = OrderedDict()

    def conflicts(self, agency: str, submission_id: str, payload_sha256: str) -> bool:
        """Whether this id is known to have been taken with another payload."""
        known = self._hashes.get((agency, submission_id))
        return known is not None and known != payload_sha256

    def remember(self, agency: str, submission_id: str, payload_sha256: str) -> None:
        """Notes an acknowledged submission; the first payload of an id stands, the oldest id is forgotten."""
        self._hashes.setdefault((agency, submission_id), payload_sha256)
        if len(self._hashes) > self._capacity:
            self._hashes.popitem(last=False)
