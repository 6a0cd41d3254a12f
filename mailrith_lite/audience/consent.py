"""Evidence that a subscriber agreed to receive email: the contract's form, and the table `consent_evidence`."""

import re
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from mailrith_lite import clock, errors
from mailrith_lite.database import Connection

CLOCK_SKEW = 60 * clock.SECOND
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_NOT_BLANK = r"[^\s\x1c-\x1f\x85]"  # \s of JSON Schema lacks \x1c-\x1f and \x85
_FIELD = "consent_evidence"


def _takes(most: int) -> dict[str, str]:
    """What the member takes, for the message of a refusal: users do not read its pattern."""
    return {"takes": f"a text of 1 to {most} characters that is not blank"}


Digest = Annotated[str, Meta(max_length=64, pattern="^[a-f0-9]{64}$", extra={"takes": "64 lower-case hex digits"})]


class ConsentEvidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """References only: the consent text, IP address and user agent stay with whoever collected them."""

    lawful_basis: Annotated[str, Meta(max_length=64, pattern=_NOT_BLANK, extra=_takes(64))]
    collected_at: Annotated[datetime, Meta(tz=True)]
    evidence_reference: Annotated[str, Meta(max_length=512, pattern=_NOT_BLANK, extra=_takes(512))]
    consent_text_version: Annotated[str, Meta(max_length=128)] | None = None
    source_url: Annotated[str, Meta(max_length=2048, extra_json_schema={"format": "uri"})] | None = None
    technical_evidence_hash: Digest | None = None


def check(evidence: ConsentEvidence, now: int) -> None:
    """
    Raises:
        InvalidRequest: `collected_at` is in the future by more than CLOCK_SKEW, or `source_url` is no absolute URI.
    """
    if evidence.collected_at.timestamp() * 1_000 > now + CLOCK_SKEW:
        raise errors.InvalidRequest(
            "collected_at must not be later than now.", field=f"{_FIELD}.collected_at", reason="in_the_future"
        )
    if evidence.source_url is not None and not _URI.fullmatch(evidence.source_url):
        raise errors.InvalidRequest(
            "source_url takes an absolute URI such as https://example.com/form.", field=f"{_FIELD}.source_url"
        )


def require(evidence: ConsentEvidence | None) -> None:
    """
    Raises:
        InvalidRequest: there is no evidence.
    """
    if evidence is None:
        raise errors.InvalidRequest(
            "A subscriber becomes Active only with consent_evidence; send it.",
            field=_FIELD,
            reason="consent_evidence_required",
        )


async def insert_evidence(connection: Connection, subscriber_id: int, evidence: ConsentEvidence, now: int) -> None:
    """Does nothing when the evidence equals the last one of the subscriber."""
    await connection.execute(
        """INSERT INTO consent_evidence (subscriber_id, evidence, created_at) SELECT :subscriber_id, :evidence, :now
        WHERE :evidence IS NOT (SELECT evidence FROM consent_evidence
            WHERE subscriber_id = :subscriber_id ORDER BY id DESC LIMIT 1)""",
        {"subscriber_id": subscriber_id, "evidence": msgspec.json.encode(evidence).decode(), "now": now},
    )
