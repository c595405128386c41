/* The limit: a server that does nothing but send() the same bytes to one reader after the other, in C.
 *
 *   bare
 *
 * prints its port, keeps every connection that asks for something, and obeys lines on standard input:
 *
 *   publish FIRST COUNT SIZE GROUP MICROSECONDS
 *
 * sends events FIRST to FIRST + COUNT - 1, each a frame of SIZE bytes; GROUP of them are due at once, the next GROUP that
 * many microseconds later; 0: without a pause. Each event is one send() a reader. Answers "published".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST 65536

static int readers[MOST], known;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void send_all(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd wait = {fd, POLLOUT, 0};
            poll(&wait, 1, 1000);
            continue;
        }
        if (sent < 0) return;
        data += sent;
        size -= sent;
    }
}

static void publish(long long first, long long count, int size, int group, long long pause) {
    char *frame = malloc(size + 64), *filler = malloc(size + 1);
    memset(filler, 'x', size);
    int64_t due = now(), born = 0;
    for (long long number = first; number < first + count; number++) {
        if (pause && (number - first) % group == 0 && number > first) {
            due += pause * 1000;
            int64_t left = due - now();
            if (left > 0) nanosleep(&(struct timespec){left / 1000000000, left % 1000000000}, NULL);
        }
        if ((number - first) % group == 0) born = now();  /* all events of a group are due now */
        char head[128];
        int length = snprintf(head, sizeof head, "id: bare-%lld\nevent: post\ndata: @%lld:%lld@", number, number, (long long)born);
        int whole = sprintf(frame, "%x\r\n%s%.*s\n\n\r\n", size, head, size - length - 2, filler);
        for (int i = 0; i < known; i++) send_all(readers[i], frame, whole);
    }
    free(frame);
    free(filler);
}

int main(void) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
    if (bind(door, (struct sockaddr *)&here, sizeof here) || listen(door, 4096)) { perror("bare"); return 1; }
    getsockname(door, (struct sockaddr *)&here, &size);
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = door}, ready[256];
    epoll_ctl(epoll, EPOLL_CTL_ADD, door, &e);
    e.data.fd = 0;
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &e);
    for (;;) {
        int found = epoll_wait(epoll, ready, 256, -1);
        for (int i = 0; i < found; i++) {
            int fd = ready[i].data.fd;
            char text[4096];
            if (fd == 0) {
                ssize_t length = read(0, text, sizeof text - 1);
                long long first, count, pause;
                int bytes, group;
                if (length <= 0) return 0;
                text[length] = 0;
                if (sscanf(text, "publish %lld %lld %d %d %lld", &first, &count, &bytes, &group, &pause) != 5) return 0;
                publish(first, count, bytes, group, pause);
                puts("published");
                fflush(stdout);
            } else if (fd == door) {
                int reader = accept4(door, NULL, NULL, SOCK_NONBLOCK);
                if (reader < 0) continue;
                e.data.fd = reader;
                epoll_ctl(epoll, EPOLL_CTL_ADD, reader, &e);
            } else {
                if (recv(fd, text, sizeof text, 0) <= 0) { close(fd); continue; }
                epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
                send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
                if (known < MOST) readers[known++] = fd;
            }
        }
    }
}
