"""Builders of posts and snapshots for tests. All text is invented."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from publisher.projection import Projection
from publisher.render.snapshot import Address, Snapshot
from shared.event import Position
from shared.post import Attachment, Author, Image, Post, PostFacts, ReplayFacts
from shared.wire import Clock

EASTERN = timezone(timedelta(hours=-5))
FIRST = datetime(2023, 1, 31, 19, 42, tzinfo=EASTERN)
RELEASED = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)  # noqa: UP017 the zone of a release is spelled out
ADDRESS = Address.of("https://news.example/harbour/", "harbour", "news.example", date(2023, 1, 31))


def make_post(slug="20230131T1942Z-ferry", minutes=0, **fields):
    """Make a post in story time, ``minutes`` after the first."""
    moment = FIRST + timedelta(minutes=minutes)
    facts = fields.pop("facts", {})
    defaults = {
        "title": "The ferry is back at the quay",
        "content_html": "<p>All passengers are ashore. The crew stays on board.</p>",
        "date_published": moment,
        "authors": (Author.of("Ada Quist", "Holmavik"),),
        "tags": ("harbour",),
    }
    return Post(id=slug, newsreel=PostFacts(story_time=moment, **facts), **(defaults | fields))


def release(post, seq=1, *, address=ADDRESS, replay=None, timestamps="original", released=RELEASED):
    """Give the released form of a post, as streams and documents carry it."""
    return Projection(address, timestamps).post(
        post,
        Position("k3f9", seq),
        first_released=released,
        released=released + timedelta(seconds=post.revision - 1),
        replay=replay,
    )


def make_snapshot(*posts, **fields):
    """Make a snapshot of released posts, given newest first."""
    defaults = {
        "address": ADDRESS,
        "mode": "live",
        "title": "Storm at the harbour",
        "subtitle": "Live coverage of 31 January 2023.",
        "language": "en",
        "authors": tuple({author.name: author for post in reversed(posts) for author in post.authors}.values()),
        "updated": max((post.date_modified or post.date_published for post in posts), default=RELEASED),
        "posts": posts,
        "position": Position("k3f9", len(posts)),
        "complete": True,
    }
    return Snapshot(**(defaults | fields))


def story():
    """Give six posts in story time, newest first: what live blogs are made of."""
    return [
        make_post(
            "20230201T0522Z-divers",
            280,
            title="Divers find the anchor chain",
            content_html=(
                "<p>The chain lay in eleven metres of water, the harbour office said.</p>"
                "<p><strong>Some context:</strong> Nobody has moved the pier since it was built.</p>"
                '<blockquote><p>“We pulled, and the sea pulled back,”</p></blockquote><p>said a <a href="https://'
                'news.example/divers" rel="nofollow noopener">diver</a> as she came up.</p>'
            ),
            authors=(Author.of("Ada Quist", "Holmavik"), Author.of("Bo Lindqvist"), Author.of("Cy Marten", "London")),
            facts={"key_event": True, "revision": 2},
            date_modified=FIRST + timedelta(minutes=284),
        ),
        make_post(
            "20230201T0451Z-crane",
            249,
            title="A crane at dawn",
            content_html="<p>The yard lent its tallest crane.</p>",
            facts={
                "images": (Image(caption="The crane, seen from the lighthouse.", credit="Dee Okafor/Coast Agency"),)
            },
            authors=(),
        ),
        make_post(
            "20230201T0424Z-x",
            222,
            title=None,
            content_html="<p>Wind is down to 40 km/h & falling. Boats may leave from six.</p>",
            authors=(Author.of("Bo Lindqvist"),),
            tags=(),
        ),
        make_post(
            "20230201T0351Z-map",
            189,
            title="What the chart shows: rocks < 3 m & sand > 3 m",
            facts={"images": (Image(url="https://news.example/chart.png?size=2", caption="Soundings, in metres."),)},
            image="https://news.example/chart.png?size=2",
            attachments=(
                Attachment(url="https://news.example/a.mp3", mime_type="audio/mpeg", title="Radio", size_in_bytes=9000),
            ),
        ),
        make_post("20230201T0116Z-names", 34, title="“Every name is on the list”", facts={"pinned": True}),
        make_post(),
    ]


def live():
    """Give a live snapshot."""
    posts = story()
    return make_snapshot(*(release(post, len(posts) - place) for place, post in enumerate(posts)))


def replay(state="playing", **fields):
    """Give a snapshot of a replay at sixty times the speed."""
    facts = ReplayFacts(run=1, speed=60)
    posts = [
        release(post, 6 - place, replay=facts, timestamps="shifted", released=RELEASED - timedelta(minutes=place))
        for place, post in enumerate(story())
    ]
    clock = Clock(state=state, speed=60, story_time=FIRST + timedelta(minutes=284), run=1)
    defaults = {
        "mode": "replay",
        "title": "Storm at the harbour (replay)",
        "subtitle": "A replay of live coverage of 31 January 2023, at 60× its speed.",
        "replay": facts,
        "clock": clock,
        "updated": RELEASED + timedelta(seconds=1),
    }
    return make_snapshot(*posts, **(defaults | fields))


def hostile():
    """Give a live snapshot of posts that would each kill a careless feed."""
    texts = [
        make_post("h-controls", 9, title="Bell \x07 and\x00 null \ufffe", content_html="<p>a\x0bb\x1fc\ud800d</p>"),
        make_post("h-cdata", 8, title="]]> closes", content_html="<p>]]&gt; <![CDATA[x]]> &amp;amp; &nbsp;</p>"),
        make_post("h-emoji", 7, title="🚢👩‍👩‍👧", content_html="<p>⚓️ 🇮🇸</p>", tags=("⚓️", "a&b<c")),
        make_post(
            "h-script",
            6,
            title="<script>alert('t')</script>",
            content_html="<p onclick=\"alert(1)\">x<script>alert('b')</script></p>"
            '<a href="javascript:alert(2)">go</a></article></main><style>*{display:none}</style>',
            authors=(Author.of("<img src=x onerror=alert(3)>", '"><script>alert(4)</script>'),),
            tags=("<script>alert(5)</script>",),
            facts={"images": (Image(caption="<script>alert(6)</script>", credit="</figure>"),)},
            attachments=(
                Attachment(url="javascript:alert(7)", mime_type="audio/mpeg"),
                Attachment(url="https://x.example/\x07a.mp3", mime_type="audio/mpeg", title="</script>"),
                Attachment(url="https://x.example/b.mp3", mime_type='x" onload="alert(8)'),
            ),
        ),
        make_post("h-long", 5, title="x" * 10_000, content_html=f"<p>{'y' * 10_000}</p>"),
        make_post(
            "h-arabic", 4, title="عادت العبّارة إلى الرصيف", content_html="<p>نزل الركاب جميعًا.</p>", language="ar"
        ),
        make_post("h-japanese", 3, title="フェリーが港に戻った", content_html="<p>全員が下船した。</p>", language="ja"),
        make_post("h-bare", 2, title=None, content_html="", authors=(), tags=()),
        make_post("h-picture", 1, title=None, content_html="", facts={"images": (Image(caption="A lone gull."),)}),
    ]
    posts = [release(post, len(texts) - place) for place, post in enumerate(texts)]
    return make_snapshot(*posts, title="Storm <b>&</b> \x07harbour", subtitle="</title><script>alert(9)</script>")


PICTURED = Image(url="https://news.example/boat.jpg", caption="The boat.", credit="Eve Tran")
