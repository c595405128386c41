"""What the server tells of itself to Prometheus: collected from plain numbers when it is asked, and at no other time.

Nothing here tells of what a replay has yet to release: it counts what is out, who reads it, and how that went.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from publisher.editions import PRINTINGS
from shared import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client.core import Metric

    from publisher.channel import Channel
    from publisher.fanout.counts import Counts
    from publisher.measures import Histogram
    from publisher.rerun.reruns import Reruns
    from publisher.websub.hub import Hub

_BY_CHANNEL = ("channel",)


class Doors(Protocol):
    """What lets streams in, seen from here."""

    @property
    def inside(self) -> int: ...  # noqa: D102
    @property
    def refused(self) -> Mapping[Any, int]: ...  # noqa: D102


class Clients(Protocol):
    """The connections that are no streams, seen from here."""

    def __len__(self) -> int: ...
    @property
    def closed(self) -> Mapping[Any, int]: ...  # noqa: D102


class Metrics(Collector):
    """The numbers of one server.

    Attributes:
        clients: connections that are no streams, once the server listens.

    Args:
        channels: by name.
        appends: seconds that appends to the log of each channel took.
        doors: that streams go through.
        reruns: that are watched.
        hub: the WebSub hub, None where there is none.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        appends: Mapping[str, Histogram],
        doors: Doors,
        reruns: Reruns,
        hub: Hub | None = None,
    ) -> None:
        self._channels = channels
        self._appends = appends
        self._hub = hub
        self._doors = doors
        self._reruns = reruns
        self.clients: Clients | None = None
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def expose(self, accept: str) -> tuple[bytes, str]:
        """Give all numbers in the text format that a scraper's ``Accept`` asks for, and its media type."""
        encoder, media_type = choose_encoder(accept)
        return encoder(self._registry), media_type

    def collect(self) -> Iterable[Metric]:
        """Give what is newsreel's own; the library asks for it."""
        yield InfoMetricFamily("newsreel_build", "The newsreel that runs.", value={"version": __version__})
        yield self._gauge("posts", "Posts that are out.", lambda channel: channel.press.shelf.count())
        if self.clients is not None:
            yield GaugeMetricFamily(
                "newsreel_connections_open", "Connections that are no streams.", value=len(self.clients)
            )
            yield _counts(
                "connections_closed",
                "Connections that the server closed: displaced by others, refused, or stalled as they took nothing.",
                "reason",
                self.clients.closed,
            )
        yield GaugeMetricFamily("newsreel_streams_open", "Streams that are open, reruns included.", self._doors.inside)
        yield _counts(
            "streams_refused",
            "Streams that were not let in, by the limit that was reached.",
            "limit",
            self._doors.refused,
        )
        yield GaugeMetricFamily("newsreel_rerun_viewers", "Readers of reruns' streams.", len(self._reruns.viewers))
        yield _counts(
            "rerun_closed", "Readers of reruns' streams who are gone, by the reason.", "reason", self._reruns.closed
        )
        yield from self._streams()
        yield from self._times()
        yield from self._documents()
        yield from self._sources()
        if self._hub is not None:
            yield GaugeMetricFamily(
                "newsreel_websub_subscriptions", "Subscriptions that the hub has.", value=len(self._hub.leases)
            )
            done = self._hub.deliveries
            yield _counts(
                "websub_pushes",
                "Tries to push to a subscriber, by what came of them.",
                "outcome",
                {"delivered": done.delivered, "failed": done.failed},
            )

    def _streams(self) -> Iterable[Metric]:
        yield self._gauge(
            "stream_readers",
            "Readers of the channel's own stream; those of reruns are not among them.",
            lambda channel: channel.fanout.readers,
        )
        yield self._gauge(
            "stream_readers_behind",
            "Readers who are not at the head: their connection takes no more, or they are being brought forward.",
            lambda channel: channel.fanout.behind,
        )
        yield self._gauge(
            "stream_lag_events",
            "Sequence numbers from the reader who is furthest behind to the head.",
            lambda channel: channel.fanout.lag,
        )
        for name, about, ask in (
            (
                "deliveries",
                "Events written to readers, each counted once for each reader.",
                lambda counts: counts.deliveries,
            ),
            ("writes", "Writes to readers.", lambda counts: counts.writes),
            ("joined_writes", "Writes that carried more than one event.", lambda counts: counts.joined),
            ("sent_bytes", "Bytes written to readers, after compression.", lambda counts: counts.bytes_out),
        ):
            yield self._counter(name, about, ask)
        yield self._by_label(
            "joins",
            "Readers who joined, by what they were given first: from the ring, from the log, or a reset.",
            "way",
            lambda counts: counts.resumes,
        )
        yield self._by_label(
            "closed",
            "Readers of the channel's own stream who are gone, by the reason.",
            "reason",
            lambda counts: counts.closed,
        )

    def _times(self) -> Iterable[Metric]:
        latency = HistogramMetricFamily(
            "newsreel_stream_write_latency_seconds",
            "From an event's publication to its write to a reader at the head, for each of them.",
            labels=_BY_CHANNEL,
        )
        lateness = HistogramMetricFamily(
            "newsreel_release_lateness_seconds",
            "From the moment at which a post was due to its release.",
            labels=_BY_CHANNEL,
        )
        appends = HistogramMetricFamily(
            "newsreel_log_append_seconds", "From an append to the log until it is durable.", labels=_BY_CHANNEL
        )
        for name, channel in self._channels.items():
            _add(latency, name, channel.fanout.counts.latency)
            if channel.lateness is not None:
                _add(lateness, name, channel.lateness)
            if name in self._appends:
                _add(appends, name, self._appends[name])
        yield from (latency, lateness, appends)

    def _documents(self) -> Iterable[Metric]:
        labels = ("channel", "document")
        rendered = CounterMetricFamily(
            "newsreel_documents_rendered", "Pages and feeds that were made, as the channel stands.", labels=labels
        )
        served = CounterMetricFamily(
            "newsreel_documents_served",
            "Pages and feeds that were asked for, as the channel stands, unchanged ones too.",
            labels=labels,
        )
        for name, channel in self._channels.items():
            for family, counter in ((rendered, channel.editions.rendered), (served, channel.editions.served)):
                for document in PRINTINGS:
                    family.add_metric([name, document], counter[document])
        yield from (rendered, served)

    def _sources(self) -> Iterable[Metric]:
        looks = CounterMetricFamily(
            "newsreel_source_looks",
            "Looks at the sources of live channels, by what came of them.",
            labels=(*_BY_CHANNEL, "outcome"),
        )
        succeeded = GaugeMetricFamily(
            "newsreel_source_last_success_timestamp_seconds",
            "When a live channel's source was last looked at without a failure, in seconds since 1970.",
            labels=_BY_CHANNEL,
        )
        for name, channel in self._channels.items():
            if channel.watcher is not None:
                for outcome, count in channel.watcher.looks.items():
                    looks.add_metric([name, outcome], count)
                if channel.watcher.succeeded is not None:
                    succeeded.add_metric([name], channel.watcher.succeeded.timestamp())
        yield from (looks, succeeded)

    def _gauge(self, name: str, about: str, ask: Callable[[Channel], float]) -> Metric:
        family = GaugeMetricFamily(f"newsreel_{name}", about, labels=_BY_CHANNEL)
        for channel_name, channel in self._channels.items():
            family.add_metric([channel_name], ask(channel))
        return family

    def _counter(self, name: str, about: str, ask: Callable[[Counts], float]) -> Metric:
        family = CounterMetricFamily(f"newsreel_stream_{name}", about, labels=_BY_CHANNEL)
        for channel_name, channel in self._channels.items():
            family.add_metric([channel_name], ask(channel.fanout.counts))
        return family

    def _by_label(self, name: str, about: str, label: str, ask: Callable[[Counts], Mapping[Any, int]]) -> Metric:
        family = CounterMetricFamily(f"newsreel_stream_{name}", about, labels=(*_BY_CHANNEL, label))
        for channel_name, channel in self._channels.items():
            for value, count in ask(channel.fanout.counts).items():
                family.add_metric([channel_name, value], count)
        return family


def _counts(name: str, about: str, label: str, counts: Mapping[Any, int]) -> Metric:
    family = CounterMetricFamily(f"newsreel_{name}", about, labels=(label,))
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _add(family: HistogramMetricFamily, channel: str, histogram: Histogram) -> None:
    bounds = [*(str(bound) for bound in histogram.bounds), "+Inf"]
    family.add_metric(
        [channel],
        list(zip(bounds, itertools.accumulate(histogram.buckets), strict=True)),
        sum_value=histogram.total,
    )
