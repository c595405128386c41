"""Hypothesis strategies of readings: posts of our safe HTML, their changes and deletions."""

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from publisher.sources.reading import Header, Reading, Told
from shared.event import DeleteEvent, PostEvent, UpdateEvent
from shared.post import Attachment, Author, AuthorFacts, Image, Post, PostFacts
from shared.text import clean_line

WORDS = st.text(
    st.sampled_from("abc äß漢🚢 ,.;:!?()[]{}<>&\"'“”*_#`~|\\/+-=1234567890@^$%\n\u00a0\u2028\u0085")
    | st.characters(codec="utf-8"),
    max_size=24,
)
LINES = WORDS.map(clean_line)
URLS = st.sampled_from(["https://a.example/", "https://a.example/x_(y)?q=1&r=*2*#z", "http://b.example/ü/ä b.png"])
SLUGS = st.from_regex(r"[0-9A-Za-z]{1,8}(-{1,2}[0-9a-z]{1,4}){0,2}", fullmatch=True)


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def wrapped(inner):
    return st.one_of(
        st.builds(
            "<{0}>{1}</{0}>".format,
            st.sampled_from(["strong", "em", "code", "del", "s", "mark", "sup", "b", "i"]),
            inner,
        ),
        st.builds('<a href="{}">{}</a>'.format, URLS, inner),
        st.builds('<time datetime="2023-02-01">{}</time>'.format, inner),
        st.lists(inner, max_size=3).map("".join),
    )


INLINE = st.recursive(
    WORDS.map(escaped) | st.sampled_from(["<br>", '<img src="https://a.example/i.png" alt="a *b* ]">']),
    wrapped,
    max_leaves=6,
)


def nested(inner):
    return st.one_of(
        st.builds("<blockquote>{}</blockquote>".format, inner),
        st.builds("<{0}><li>{1}</li><li>{2}</li></{0}>".format, st.sampled_from(["ul", "ol"]), inner, inner),
        st.lists(inner, max_size=3).map("".join),
    )


BLOCK = st.one_of(
    st.builds("<{0}>{1}</{0}>".format, st.sampled_from(["p", "h2", "h3", "h6"]), INLINE),
    st.builds("<pre><code>{}</code></pre>".format, WORDS.map(escaped)),
    st.builds(
        "<table><thead><tr><th>{}</th></tr></thead><tbody><tr><td>{}</td></tr></tbody></table>".format, INLINE, INLINE
    ),
    st.builds("<figure><img src='https://a.example/f.jpg'><figcaption>{}</figcaption></figure>".format, INLINE),
    st.builds("<p>{}<br>{}</p>".format, INLINE, INLINE),
    st.sampled_from(
        ["<hr>", "<p># 2023-02-01</p>", "<h2>2023-02-01T00:22 no post</h2>", "<p>---</p>", "<p>Tags: x</p>"]
    ),
    INLINE,
)
BODIES = st.recursive(BLOCK, nested, max_leaves=5)
TIMES = st.builds(
    lambda minutes, offset, second: (
        datetime(2023, 2, 1, tzinfo=timezone(timedelta(minutes=offset))) + timedelta(minutes=minutes, seconds=second)
    ),
    st.integers(0, 5000),
    st.sampled_from([0, -300, 330, 845]),
    st.sampled_from([0, 0, 0, 7]),
)
AUTHORS = st.builds(
    lambda name, place, url: Author(name=name, url=url, newsreel=AuthorFacts(location=place) if place else None),
    st.sampled_from(["Ada Quist", "Bo", "de la Mar, Jo", "X (Y)", "A and B"]) | LINES.filter(bool),
    st.none() | st.sampled_from(["Holmavik", "Reykjavik, Iceland"]),
    st.none() | st.just("https://a.example/ada"),
).filter(lambda author: author.name)
IMAGES = st.builds(Image, url=st.none() | URLS, caption=st.none() | LINES, credit=st.none() | LINES)
FILES = st.just(Attachment(url="https://a.example/a.mp3", mime_type="audio/mpeg", title="No", size_in_bytes=9))


@st.composite
def posts(draw, slug, at, revision=1, modified=None):
    facts = PostFacts(
        story_time=at,
        revision=revision,
        key_event=draw(st.booleans()),
        pinned=draw(st.booleans()),
        images=tuple(draw(st.lists(IMAGES, max_size=2))),
    )
    return Post(
        id=slug,
        title=draw(st.none() | LINES),
        content_html=draw(BODIES),
        date_published=at,
        date_modified=modified,
        url=draw(st.none() | URLS),
        image=draw(st.none() | URLS),
        authors=tuple(draw(st.lists(AUTHORS, max_size=3))),
        tags=tuple(tag for tag in draw(st.lists(LINES, max_size=3)) if tag),
        attachments=tuple(draw(st.lists(FILES, max_size=1))),
        language=draw(st.none() | st.sampled_from(["en", "no"])),
        newsreel=facts,
    )


@st.composite
def readings(draw):
    told = []
    for slug in draw(st.lists(SLUGS, min_size=1, max_size=3, unique=True)):
        at = draw(TIMES)
        if draw(st.booleans()):  # what was told of it before is not in the source
            told.append(DeleteEvent(id=slug, story_time=at - timedelta(minutes=9)))
        post = draw(posts(slug, at, modified=draw(st.none() | st.just(at + timedelta(minutes=3)))))
        told.append(PostEvent(post=post))
        if draw(st.booleans()):
            told.append(UpdateEvent(post=draw(posts(slug, at, 2, at + timedelta(minutes=9)))))
            at += timedelta(minutes=9)
        if draw(st.booleans()):
            told.append(DeleteEvent(id=slug, story_time=at + timedelta(minutes=9)))
    header = Header(
        title=draw(LINES) or None,
        authors=tuple(draw(st.lists(AUTHORS, max_size=2))),
        updated=draw(st.none() | TIMES),
        language=draw(st.none() | st.just("no")),
        url=draw(st.none() | URLS),
    )
    return Reading("page.txt", "transcript", header, tuple(map(Told, sorted(told, key=lambda event: event.story_time))))
