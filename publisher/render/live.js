"use strict";
// Keeps the page in step with the stream. Without it the page still shows every post that was out when it was made.
(() => {
  const KEPT = 500; // most posts that the page holds
  const AWAY = 60000; // after so many milliseconds hidden or asleep the connection is made anew: it may be half dead
  const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December"];
  const find = (id) => document.getElementById(`_${id}`); // see live.html
  const posts = find("posts");
  const live = posts.dataset.mode === "live";
  const told = posts.dataset.stream.includes("?rerun=") ? "The rerun" : "The replay"; // what the clock is of
  let position = posts.dataset.position; // where the stream goes on: nothing is missed, nothing comes twice
  let whole = posts.dataset.complete === "true";
  let clock = posts.dataset.clock ? JSON.parse(posts.dataset.clock) : null;
  let clockSet = null; // when, in this browser's time, the clock showed clock.story_time; null: not known
  let source = null, timer = 0, failures = 0, unseen = 0, ticked = Date.now(), hiddenAt = 0;

  // Times, in the words and the offset of the server's pages.

  const two = (number) => String(number).padStart(2, "0");

  function moment(text) {
    const zone = /([+-])(\d\d):(\d\d)$/.exec(text);
    const minutes = zone ? (zone[1] === "-" ? -1 : 1) * (60 * zone[2] + Number(zone[3])) : 0;
    return { milliseconds: Date.parse(text), minutes };
  }

  function spoken({ milliseconds, minutes }) {
    const local = new Date(milliseconds + minutes * 60000);
    const away = Math.abs(minutes);
    return {
      time: `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}`,
      day: `${local.getUTCDate()} ${MONTHS[local.getUTCMonth()]} ${local.getUTCFullYear()}`,
      zone: minutes ? `UTC${minutes < 0 ? "-" : "+"}${two(Math.floor(away / 60))}:${two(away % 60)}` : "UTC",
    };
  }

  function here(text) { // a moment to come, in the offset of whoever waits for it
    const milliseconds = Date.parse(text);
    const at = spoken({ milliseconds, minutes: -new Date(milliseconds).getTimezoneOffset() });
    return `${at.day}, ${at.time} (${at.zone})`;
  }

  function ago(milliseconds) {
    const minutes = Math.floor((Date.now() - milliseconds) / 60000);
    if (minutes < 1) return "just now";
    if (minutes < 60) return `${minutes} min ago`;
    return minutes < 1440 ? `${Math.floor(minutes / 60)} h ago` : "";
  }

  // Posts: article() makes the elements of article.html.

  function make(tag, name, ...children) {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  function link(href, name, ...children) {
    const element = make("a", name, ...children);
    element.href = href;
    element.rel = "noopener noreferrer";
    return element;
  }

  // What the server has sanitised; a parsed document runs nothing, and the page's policy lets nothing run.
  function parsed(html) {
    const body = new DOMParser().parseFromString(html, "text/html").body;
    for (const table of body.querySelectorAll("table")) table.tabIndex = 0; // a wide one is moved by keys
    return body.childNodes;
  }

  function flowing(element) {
    element.dir = "auto";
    return element;
  }

  function byline(authors) {
    const line = make("p", "by", "By ");
    authors.forEach((author, place) => {
      if (place) line.append(place === authors.length - 1 ? " and " : ", ");
      line.append(author.url ? link(author.url, "p-author h-card", author.name)
        : make("span", "p-author h-card", author.name));
      if (author._newsreel?.location) line.append(` in ${author._newsreel.location}`);
    });
    return line;
  }

  function figure(image) {
    const element = make("figure", image.url ? "" : "unseen");
    if (image.url) {
      const picture = make("img", "u-photo");
      picture.loading = "lazy";
      picture.alt = "";
      picture.src = image.url;
      element.append(picture);
    }
    if (image.caption || image.credit) {
      const caption = flowing(make("figcaption", "", image.caption || ""));
      if (image.credit) caption.append(" ", make("small", "", image.credit));
      element.append(caption);
    }
    return element;
  }

  function figures(item) {
    if (/<figure|<img/.test(item.content_html)) return [];
    return item._newsreel.images || (item.image ? [{ url: item.image }] : []);
  }

  function list(name, children, kind = "") {
    return make("ul", name, ...children.map((child) => make("li", kind, child)));
  }

  function attachments(item) {
    return (item.attachments || []).map((file) => link(file.url, "", file.title || file.mime_type));
  }

  function article(item) {
    const facts = item._newsreel;
    const name = item.id.slice(item.id.indexOf("/") + 1).replaceAll(" ", "-");
    const at = spoken(moment(facts.story_time));
    const time = make("time", "dt-published", at.time);
    time.dateTime = facts.story_time.replace(/\.\d+/, "");
    const permalink = make("a", "u-url u-uid", time);
    permalink.href = item.url || `#${name}`;
    const marks = make("p", "marks",
      facts.pinned ? make("span", "", "Pinned") : null,
      facts.key_event ? make("span", "strong", "Key event") : null,
      facts.revision > 1 ? make("span", "", "Edited") : null);
    const title = flowing(make("h2", facts.title_derived ? "derived" : "p-name", item.title));
    title.id = `${name}_`;
    const files = attachments(item);
    const tags = item.tags ? list("tags", item.tags, "p-category") : null;
    if (tags) [...tags.children].forEach(flowing);
    const element = make("article", `post h-entry${facts.key_event ? " key" : ""}${facts.pinned ? " pinned" : ""}`,
      make("p", "when", permalink, " ", make("span", "day", at.day), " ", make("span", "zone", at.zone), " ",
        make("span", "ago")),
      make("div", "what",
        marks.firstChild ? marks : null,
        title,
        item.authors ? byline(item.authors) : null,
        item.content_html ? flowing(make("div", "body e-content", ...parsed(item.content_html))) : null,
        ...figures(item).map(figure),
        files.length ? list("files", files) : null,
        tags));
    element.id = name;
    element.dataset.id = item.id;
    element.setAttribute("role", "article"); // what says it a second time may have a place in the feed
    element.tabIndex = 0;
    if (item.language) element.lang = item.language;
    element.setAttribute("aria-labelledby", title.id);
    return element;
  }

  const shown = (id) => [...posts.children].find((element) => element.dataset.id === id);
  const isPinned = (element) => element.classList.contains("pinned");
  const instant = (element) => Date.parse(element.querySelector("time").dateTime);
  const newest = () => [...posts.children].find((element) => !isPinned(element)) ?? posts;
  const atTop = () => newest().getBoundingClientRect().top > -48;

  // Pinned posts stay on top of the others, each kind newest first. By default it is the newest of all.
  function put(element, at = Infinity) {
    const below = [...posts.children].find((each) =>
      isPinned(each) === isPinned(element) ? instant(each) <= at : isPinned(element));
    posts.insertBefore(element, below ?? null);
  }

  // Whoever reads further down keeps their place: most browsers see to it by themselves.
  function inPlace(change) {
    const anchored = CSS.supports("overflow-anchor", "auto") || atTop();
    const seen = anchored ? null : [...posts.children].find((each) => each.getBoundingClientRect().bottom > 0);
    const before = seen ? seen.getBoundingClientRect().top : 0;
    change();
    if (seen?.isConnected) scrollBy({ top: seen.getBoundingClientRect().top - before, behavior: "instant" });
    while (posts.children.length > KEPT) {
      posts.lastElementChild.remove();
      whole = false;
    }
    [...posts.children].forEach((element, place) => {
      element.setAttribute("aria-posinset", place + 1);
      element.setAttribute("aria-setsize", whole ? posts.children.length : -1);
    });
    posts.hidden = posts.children.length === 0;
    find("nothing").hidden = !posts.hidden;
    const oldest = posts.lastElementChild?.querySelector("time").dateTime;
    find("older").hidden = whole || !oldest;
    if (oldest) find("older").firstElementChild.search = new URLSearchParams({ at: oldest });
    tell();
  }

  function replace(old, element) {
    const focused = old.contains(document.activeElement);
    element.classList.add("arrived");
    if (isPinned(old) === isPinned(element)) {
      old.replaceWith(element);
    } else {
      old.remove();
      put(element, instant(element));
    }
    if (focused) element.focus({ preventScroll: true });
  }

  function pill() {
    if (atTop() && !document.hidden) unseen = 0;
    const button = find("fresh");
    button.hidden = unseen === 0 || atTop();
    button.textContent = unseen === 1 ? "1 new post" : `${unseen} new posts`;
    document.title = unseen ? `(${unseen}) ${find("title").textContent}` : find("title").textContent;
  }

  // The clock line, the relative times.

  function setClock(next) {
    clock = next;
    clockSet = Date.now();
    const subtitle = find("subtitle");
    const paced = subtitle.textContent.replace(/ It begins .*\.$/, "")
      .replace(/(, at [0-9.e+]+× its speed)?\.$/, clock.speed === 1 ? "." : `, at ${Number(clock.speed)}× its speed.`);
    if (subtitle.textContent.startsWith("A replay of ") && !clock.starts) subtitle.textContent = paced;
    settle();
    tell();
  }

  function runTo(storyTime) { // a replay releases a post when its clock shows the post's story time
    if (clock?.state !== "playing") return;
    const shows = clockSet === null ? -Infinity : now().milliseconds;
    if (moment(storyTime).milliseconds < shows) return;
    clock = { ...clock, story_time: storyTime };
    clockSet = Date.now();
  }

  function now() {
    const { milliseconds, minutes } = moment(clock.story_time);
    const run = clock.state === "playing" && clockSet !== null ? (Date.now() - clockSet) * clock.speed : 0;
    return { milliseconds: milliseconds + run, minutes };
  }

  function tell() {
    const line = find("clock");
    if (clock?.starts || clock?.state === "live") line.hidden = true; // nothing has begun, or it is the true time
    else if (clock && (clockSet !== null || clock.state !== "playing")) {
      const at = spoken(now());
      const text = `${at.day}, ${at.time} (${at.zone})`;
      if (line.firstElementChild.textContent !== text) line.firstElementChild.textContent = text;
      line.lastElementChild.textContent = clock.state === "ended" ? "" : `${Number(clock.speed)}×`;
      line.hidden = false;
    }
    if (!live) return;
    for (const element of posts.children) {
      const text = ago(instant(element));
      const place = element.querySelector(".ago");
      if (place.textContent !== text) place.textContent = text;
    }
  }

  // The connection.

  function say(text, now) {
    if (find("status").textContent !== text) find("status").textContent = text;
    document.body.dataset.now = now;
  }

  function settle() {
    if (clock?.state === "ended") say(`${told} has ended`, "off");
    else if (source?.readyState !== EventSource.OPEN) say(failures ? "Connection lost, trying again…" : "Connecting…", "wait");
    else if (clock?.starts) say(`${told} begins ${here(clock.starts)}`, "wait");
    else if (clock?.state === "paused") say(`${told} is paused`, "wait");
    else if (clock?.state === "playing") say(`${told} is playing`, "on");
    else say("Up to date", "on");
  }

  const events = {
    post(item) {
      runTo(item._newsreel.story_time);
      const old = shown(item.id);
      const element = article(item);
      inPlace(() => {
        if (old) return replace(old, element);
        if (!atTop() || document.hidden) unseen += 1;
        element.classList.add("arrived");
        put(element);
      });
      find("news").textContent = `New post: ${item.title}`;
      pill();
    },
    update(item) {
      const old = shown(item.id);
      if (old) inPlace(() => replace(old, article(item)));
    },
    delete(gone) {
      const old = shown(gone.id);
      if (!old) return;
      if (old.contains(document.activeElement)) posts.focus({ preventScroll: true });
      inPlace(() => old.remove());
    },
    reset(story) {
      const facts = story._newsreel;
      posts.setAttribute("aria-busy", "true");
      whole = facts.complete;
      unseen = 0;
      find("title").textContent = story.title;
      find("subtitle").textContent = story.description || "";
      const focused = document.activeElement?.closest("article")?.dataset.id;
      inPlace(() => posts.replaceChildren(
        ...story.items.map(article).sort((one, other) => isPinned(other) - isPinned(one))));
      shown(focused)?.focus({ preventScroll: true });
      posts.setAttribute("aria-busy", "false");
      if (facts.clock) {
        clock = facts.clock;
        clockSet = null; // as it was last set; the clock event that follows tells what it shows
        settle();
      }
      pill();
    },
    clock: setClock,
  };

  function connect() {
    clearTimeout(timer);
    source?.close();
    const url = new URL(posts.dataset.stream, location.href);
    url.searchParams.set("after", position);
    source = new EventSource(url);
    for (const [name, take] of Object.entries(events)) {
      source.addEventListener(name, (event) => {
        take(JSON.parse(event.data));
        if (event.lastEventId) position = event.lastEventId;
      });
    }
    source.onopen = () => {
      failures = 0;
      settle();
    };
    source.onerror = () => {
      failures += 1;
      settle();
      // A browser tries again by itself, but for an answer other than 200: after 204 there is nothing left to come.
      if (source.readyState !== EventSource.CLOSED || clock?.state === "ended") return;
      timer = setTimeout(connect, Math.random() * Math.min(60000, 1000 * 2 ** failures));
    };
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      hiddenAt = Date.now();
      return;
    }
    pill();
    ticked = Date.now();
    if (source.readyState === EventSource.CLOSED || ticked - hiddenAt > AWAY) connect();
  });
  addEventListener("online", connect);
  addEventListener("offline", connect); // tells at once whether the server is out of reach, too
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted) connect(); // back from the cache of pages, where connections end without a word
  });
  addEventListener("scroll", () => {
    if (unseen) pill();
  }, { passive: true });
  find("fresh").addEventListener("click", () => {
    newest().focus({ preventScroll: true });
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    newest().scrollIntoView({ behavior: still ? "instant" : "smooth" });
  });
  setInterval(() => {
    const slept = Date.now() - ticked > AWAY && !document.hidden;
    ticked = Date.now();
    if (slept) connect();
    tell();
  }, 1000);

  settle();
  tell();
  connect();
})();
