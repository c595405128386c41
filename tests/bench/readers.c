/* Many readers of one stream, in one thread: epoll, and just enough of HTTP/1.1 and server-sent events to count exactly.
 *
 * An event is known by a mark in the first 400 bytes of its data, "@NUMBER:NANOSECONDS@": its number, which grows by one
 * from event to event, and the moment of its publication by CLOCK_MONOTONIC, which all processes of a machine share. So
 * a gap, a repetition and a latency are seen at each reader without knowing anything of the server.
 *
 *   readers PORT PATH READERS SOURCES IN_FLIGHT [AFTER]
 *
 * connects, with at most IN_FLIGHT connections being made at a time, from SOURCES addresses of 127.0.0.0/8; AFTER is a
 * Last-Event-ID to begin with. A connection that ends is made again with the last id, after the time that "retry:" named.
 * Then it obeys lines on standard input, and answers each with one line of JSON on standard output:
 *
 *   joined SECONDS        when every reader reads its stream
 *   round LAST SECONDS    when every reader that is not stalled has had event LAST, and what it saw since the last answer
 *   stall COUNT           the last COUNT readers take nothing any more (no answer)
 *   wake                  they go on (no answer)
 *   every SECONDS LAST    when every reader, stalled ones too, has had event LAST
 *   quit
 *
 * SECONDS is the longest that it waits; the answer then says how far it came.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINE 400
#define ID 48
#define BUCKETS 4096

enum { IDLE, CONNECTING, HEAD, BODY };
enum { SIZE, DATA, CRLF };

struct reader {
    int fd;
    uint8_t state, chunk, kind;  /* kind: first letter of the event's name, 0 for none */
    bool chunked, stalled, done;
    uint16_t line;                /* bytes of the present line that were kept */
    int32_t left;                 /* bytes of the present chunk */
    int64_t seq, mark, when;      /* last event; the present event's number, and its moment */
    int64_t due;                  /* when to connect again */
    uint32_t retry;               /* milliseconds */
    char id[ID], coming[ID], text[LINE]; /* an id counts once its event is whole */
};

static struct reader *all;
static int count, sources, in_flight, making, idle, epoll, port, open_bodies;
static bool asleep;
static char doing;
static int stalled;
static int64_t limit, began, spent;
static const char *path, *after;
static int64_t buckets[BUCKETS], highest, first, last_arrival, events, gaps, repeats, resets, bytes, reads, again, refused;
static int64_t target = -1;
static int reached, fast;
static char buffer[1 << 18];

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

/* Buckets of 1/64 of their size: exact enough for percentiles, and no memory an event. */
static int bucket(int64_t ns) {
    if (ns < 64) return ns < 0 ? 0 : (int)ns;
    int shift = 63 - __builtin_clzll(ns) - 6;
    int place = ((shift + 1) << 6) + (int)((ns >> shift) & 63);
    return place < BUCKETS ? place : BUCKETS - 1;
}

static double milliseconds(int place) {
    if (place < 64) return place / 1e6;
    return (double)((int64_t)(64 + (place & 63)) << ((place >> 6) - 1)) / 1e6;
}

static double percentile(double share) {
    int64_t all_of_them = 0, seen = 0;
    for (int i = 0; i < BUCKETS; i++) all_of_them += buckets[i];
    for (int i = 0; i < BUCKETS; i++)
        if (buckets[i] && (seen += buckets[i]) >= share * all_of_them) return milliseconds(i);
    return 0;
}

static void watch(struct reader *r, int how, uint32_t what) {
    struct epoll_event e = {.events = what, .data.ptr = r};
    epoll_ctl(epoll, how, r->fd, &e);
}

static void lose(struct reader *r, int64_t wait_ms) {
    if (r->state == CONNECTING) making--;
    if (r->state == BODY) open_bodies--;
    struct linger hard = {1, 0};  /* no TIME_WAIT: ports are few */
    setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(r->fd);
    r->fd = -1;
    r->state = IDLE;
    idle++;
    r->due = now() + wait_ms * 1000000;
    again++;
}

static void start(struct reader *r) {
    int number = r - all, one = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + number % sources)};
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (r->fd < 0) { perror("socket"); exit(1); }
    setsockopt(r->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (sources > 1) bind(r->fd, (struct sockaddr *)&from, sizeof from);
    r->state = CONNECTING;
    r->line = 0;
    r->kind = 0;
    r->mark = -1;
    strcpy(r->coming, r->id);
    r->chunk = SIZE;
    r->left = 0;
    making++;
    idle--;
    if (connect(r->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
        refused++;
        lose(r, r->retry);
        return;
    }
    watch(r, EPOLL_CTL_ADD, EPOLLOUT);
}

static void ask(struct reader *r) {
    char request[512], resume[ID + 32] = "";
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        refused++;
        lose(r, r->retry);
        return;
    }
    if (r->id[0]) snprintf(resume, sizeof resume, "Last-Event-ID: %s\r\n", r->id);
    int length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n%s\r\n", path, port, resume);
    if (send(r->fd, request, length, MSG_NOSIGNAL) != length) {
        lose(r, r->retry);
        return;
    }
    r->state = HEAD;
    r->text[0] = 0;
    making--;
    watch(r, EPOLL_CTL_MOD, EPOLLIN);
}

static void event(struct reader *r, int64_t arrival) {
    strcpy(r->id, r->coming);
    if (r->kind == 'r') resets++;
    if (r->mark >= 0 && r->kind != 'r') {
        if (r->seq >= 0 && r->mark > r->seq + 1) gaps += r->mark - r->seq - 1;
        if (r->seq >= 0 && r->mark <= r->seq) repeats++;
        else r->seq = r->mark;
        events++;
        if (!r->stalled) {
            int64_t took = arrival - r->when;
            buckets[bucket(took)]++;
            if (took > highest) highest = took;
            if (first == 0 || r->when < first) first = r->when;
            last_arrival = arrival;
        }
        if (!r->done && target >= 0 && r->seq >= target) {
            r->done = true;
            reached++;
            if (!r->stalled) fast++;
        }
    }
    r->mark = -1;
    r->kind = 0;
}

static void line(struct reader *r, int64_t arrival) {
    int length = r->line < LINE - 1 ? r->line : LINE - 1;
    if (length && r->text[length - 1] == '\r') length--;
    r->text[length] = 0;
    r->line = 0;
    if (length == 0) event(r, arrival);
    else if (!strncmp(r->text, "data:", 5)) {
        char *mark = memchr(r->text, '@', length), *end;
        if (mark && r->mark < 0) {
            int64_t number = strtoll(mark + 1, &end, 10);
            if (*end == ':') {
                r->when = strtoll(end + 1, &end, 10);
                if (*end == '@') r->mark = number;
            }
        }
    } else if (!strncmp(r->text, "event:", 6)) r->kind = r->text[6] == ' ' ? r->text[7] : r->text[6];
    else if (!strncmp(r->text, "id:", 3)) {
        char *value = r->text + 3 + (r->text[3] == ' ');
        if (strlen(value) < ID) strcpy(r->coming, value);
    } else if (!strncmp(r->text, "retry:", 6)) r->retry = atoi(r->text + 6);
}

static void lines(struct reader *r, const char *data, size_t size, int64_t arrival) {
    while (size) {
        const char *end = memchr(data, '\n', size);
        size_t part = end ? (size_t)(end - data) : size;
        if (r->line < LINE - 1) {
            size_t room = LINE - 1 - r->line, kept = part < room ? part : room;
            memcpy(r->text + r->line, data, kept);
            r->line += kept;
        }
        if (!end) return;
        line(r, arrival);
        data = end + 1;
        size -= part + 1;
    }
}

/* Gives false at the end of the answer. */
static bool body(struct reader *r, const char *data, size_t size, int64_t arrival) {
    if (!r->chunked) {
        lines(r, data, size, arrival);
        return true;
    }
    while (size) {
        if (r->chunk == SIZE) {
            char c = *data++;
            size--;
            if (c == '\n') {
                if (r->left == 0) return false;
                r->chunk = DATA;
            } else if (c >= '0' && c <= '9') r->left = r->left * 16 + c - '0';
            else if ((c | 32) >= 'a' && (c | 32) <= 'f') r->left = r->left * 16 + (c | 32) - 'a' + 10;
        } else if (r->chunk == DATA) {
            size_t part = size < (size_t)r->left ? size : (size_t)r->left;
            lines(r, data, part, arrival);
            data += part;
            size -= part;
            if ((r->left -= part) == 0) r->chunk = CRLF;
        } else {
            if (*data == '\n') r->chunk = SIZE;
            data++;
            size--;
        }
    }
    return true;
}

static void take(struct reader *r) {
    ssize_t size = recv(r->fd, buffer, sizeof buffer - 1, 0);
    int64_t arrival = now();
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
        lose(r, r->retry);
        return;
    }
    reads++;
    bytes += size;
    char *data = buffer;
    if (r->state == HEAD) {
        data[size] = 0;  /* a head is small and comes in one piece */
        char *end = strstr(data, "\r\n\r\n");
        if (!end) {
            fprintf(stderr, "a head in pieces: %.100s\n", data);
            lose(r, r->retry);
            return;
        }
        *end = 0;
        if (strncmp(data + 8, " 200", 4)) {
            refused++;
            char *wait = strcasestr(data, "\r\nretry-after:");
            lose(r, wait ? 1000 * atoi(wait + 14) + rand() % 1000 : (int)r->retry);
            return;
        }
        r->chunked = strcasestr(data, "transfer-encoding: chunked") != NULL;
        r->state = BODY;
        open_bodies++;
        size -= end + 4 - data;
        data = end + 4;
    }
    if (size && !body(r, data, size, arrival)) lose(r, r->retry);
}

static void answer(const char *what) {
    double wall = (now() - began) / 1e9;
    printf("{\"%s\": %d, \"of\": %d, \"seconds\": %.4f, \"events\": %lld, \"span\": %.6f, \"p50\": %.3f, \"p90\": %.3f, "
           "\"p99\": %.3f, \"max\": %.3f, \"gaps\": %lld, \"repeats\": %lld, \"resets\": %lld, \"bytes\": %lld, \"reads\": %lld, "
           "\"again\": %lld, \"refused\": %lld, \"open\": %d, \"cpu\": %.4f}\n",
           what, reached, count, wall, (long long)events, last_arrival > first ? (last_arrival - first) / 1e9 : 0.0,
           percentile(.5), percentile(.9), percentile(.99), highest / 1e6, (long long)gaps, (long long)repeats,
           (long long)resets, (long long)bytes, (long long)reads, (long long)again, (long long)refused, open_bodies,
           (cpu() - spent) / 1e6);
    fflush(stdout);
    memset(buckets, 0, sizeof buckets);
    highest = first = last_arrival = events = gaps = repeats = resets = bytes = reads = again = refused = 0;
}

/* Obeys one line; gives false where it is the end. */
static bool obey(const char *order) {
    double seconds = 0;
    long long last = 0;
    if (sscanf(order, "joined %lf", &seconds) == 1) doing = 'j';
    else if (sscanf(order, "round %lld %lf", &last, &seconds) == 2) doing = 'r';
    else if (sscanf(order, "every %lld %lf", &last, &seconds) == 2) doing = 'e';
    else if (sscanf(order, "stall %d", &stalled) == 1) {
        for (int k = count - stalled; k < count; k++) {
            int small = 4096;
            all[k].stalled = asleep = true;
            if (all[k].state != BODY) continue;
            setsockopt(all[k].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
            watch(all + k, EPOLL_CTL_MOD, 0);
        }
        return true;
    } else if (!strncmp(order, "wake", 4)) {
        asleep = false;
        for (int k = count - stalled; k < count; k++) {
            if (all[k].state != BODY) continue;
            watch(all + k, EPOLL_CTL_DEL, 0);
            watch(all + k, EPOLL_CTL_ADD, EPOLLIN);
        }
        return true;
    } else return false;
    began = now();
    limit = began + (int64_t)(seconds * 1e9);
    spent = cpu();
    if (doing == 'j') return true;
    target = last;
    reached = fast = 0;
    for (int k = 0; k < count; k++) {
        all[k].done = all[k].seq >= target;
        reached += all[k].done;
        fast += all[k].done && !all[k].stalled;
    }
    return true;
}

int main(int argc, char **argv) {
    if (argc < 6) { fprintf(stderr, "readers PORT PATH READERS SOURCES IN_FLIGHT [AFTER]\n"); return 2; }
    port = atoi(argv[1]); path = argv[2]; count = atoi(argv[3]); sources = atoi(argv[4]); in_flight = atoi(argv[5]);
    after = argc > 6 ? argv[6] : "";
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    all = calloc(count, sizeof *all);
    idle = count;
    epoll = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        all[i].fd = -1;
        all[i].seq = all[i].mark = -1;
        all[i].retry = 2000;
        snprintf(all[i].id, ID, "%s", after);
    }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, ready[1024];
    fcntl(0, F_SETFL, O_NONBLOCK);
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &e);
    char command[256] = "";
    size_t length = 0;
    began = now();
    spent = cpu();
    for (;;) {
        int64_t moment = now();
        for (int i = 0; idle && i < count && making < in_flight; i++)
            if (all[i].state == IDLE && all[i].due <= moment) start(all + i);
        bool over = doing && moment > limit;
        if (doing == 'j' && (open_bodies == count || over)) { reached = open_bodies; answer("joined"); doing = 0; }
        else if (doing == 'r' && (fast == count - stalled || over)) { answer("round"); doing = 0; }
        else if (doing == 'e' && (reached == count || over)) { answer("every"); doing = 0; }
        int found = epoll_wait(epoll, ready, 1024, 5);
        for (int i = 0; i < found; i++) {
            struct reader *r = ready[i].data.ptr;
            if (r == NULL) {
                ssize_t size = read(0, command + length, sizeof command - 1 - length);
                if (size <= 0) return 0;
                command[length + size] = 0;
                length += size;
                for (char *end; (end = strchr(command, '\n'));) {
                    *end = 0;
                    if (!obey(command)) return 0;
                    length -= end + 1 - command;
                    memmove(command, end + 1, length + 1);
                }
                continue;
            }
            if (r->state == CONNECTING) ask(r);
            else if (r->state != IDLE) {
                /* A stalled reader looks at nothing; that it was cut off it learns when it wakes. */
                if (asleep && r->stalled && r->state == BODY) watch(r, EPOLL_CTL_DEL, 0);
                else take(r);
            }
        }
    }
}
