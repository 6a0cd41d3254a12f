"""The services of the process, and the keys under which an application and a request hold them."""

from pathlib import Path

import msgspec
from aiohttp import web

from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.access.keys import KeyUse, Principal
from mailrith_lite.access.refusal_pauses import RefusalPauses
from mailrith_lite.access.refused_keys import RefusedKeys
from mailrith_lite.access.request_rates import RequestRates
from mailrith_lite.access.wrong_keys import WrongKeys
from mailrith_lite.audience.large_selections import LargeSelections
from mailrith_lite.audience.segments.segment_counts import SegmentCounts
from mailrith_lite.audience.totals import AudienceTotals
from mailrith_lite.database import Database, Requester
from mailrith_lite.errors import MailrithError
from mailrith_lite.http.request_log import RequestLog
from mailrith_lite.imports.uploads.upload_store import UploadStore
from mailrith_lite.jobs.runner import Runner
from mailrith_lite.links import Links
from mailrith_lite.settings import Settings
from mailrith_lite.throttle import AtOnce
from mailrith_lite.webhooks.dispatcher import Dispatcher
from mailrith_lite.webhooks.outbox import Outbox


class Services(msgspec.Struct, kw_only=True):
    """One instance per process. `secret`: signs sessions and links. `stopping`: requests get a 503.

    `searches`: the searches and counts of each workspace.
    """

    settings: Settings
    database: Database
    runner: Runner
    outbox: Outbox
    dispatcher: Dispatcher
    links: Links
    upload_links: Links
    key_use: KeyUse
    wrong_keys: WrongKeys
    refused_keys: RefusedKeys
    refusal_pauses: RefusalPauses
    request_rates: RequestRates
    request_log: RequestLog
    searches: AtOnce
    segment_counts: SegmentCounts
    large_selections: LargeSelections
    audience_totals: AudienceTotals
    secret: bytes
    imports_directory: Path
    exports_directory: Path
    uploads: UploadStore
    stopping: bool = False


SERVICES = web.AppKey("services", Services)
REQUEST_ID = web.RequestKey("request_id", str)
PRINCIPAL = web.RequestKey("principal", Principal)
REFUSED_KEY = web.RequestKey("refused_key", ApiKey)
"""A key that was revoked or has expired: for the log and the audit."""
REQUESTER = web.RequestKey("requester", Requester)
REFUSAL = web.RequestKey("refusal", MailrithError)
"""The error that the response tells: for the log and the metrics."""
OPERATION = web.RequestKey("operation", str)
RESPONSE_STARTED = web.RequestKey("response_started", bool)
