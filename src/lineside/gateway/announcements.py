"""All that a gateway announces to programs of the operator's: calls and alerts, by webhooks."""

from collections.abc import Callable

from lineside.gateway.call_announcer import CallAnnouncer
from lineside.gateway.gateway_alerts import GatewayAlerts
from lineside.gateway.webhooks import Webhooks
from lineside.gateway.worker_pool import WorkerPool
from lineside.observability.active_call import ActiveCall
from lineside.observability.metrics import GatewayMetrics
from lineside.observability.reply_times import ReplyTimes
from lineside.processes.background_work import BackgroundWork
from lineside.records.archive import Archive
from lineside.settings import Settings


class Announcements:
    """Those of one gateway."""

    def __init__(
        self,
        settings: Settings,
        metrics: GatewayMetrics,
        work: BackgroundWork,
        workers: WorkerPool | None,
        records: Archive | None,
        replies: ReplyTimes,
    ) -> None:
        """Raises `ConfigError` for webhooks that are set wrongly."""
        self.webhooks = Webhooks(settings, metrics.process.webhook)
        self.alerts = GatewayAlerts(self.webhooks.tell, work, workers, records, replies)

    def call(self, now: Callable[[], ActiveCall]) -> CallAnnouncer:
        """What announces a call; `now` says how it stands."""
        return CallAnnouncer(self.webhooks.tell, self.alerts, now)
