/* Makes half of all transfers over stream sockets shorter than was asked for, and fails one call in
 * twenty on any socket, and one wait in twenty, with EINTR. Loaded before the C library
 * (LD_PRELOAD). At the end it tells on standard error what it did. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FDS 4096
#define MAX_PARTS 16
#define NEXT(name)                                                                                 \
    static __typeof__(name) *next;                                                                 \
    if (!next)                                                                                     \
        next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static atomic_ulong calls, transfers, shortened, interrupted, threads;

/* A number without a pattern, from a sequence of each thread's own. */
static uint64_t draw(void) {
    static _Thread_local uint64_t state;
    if (!state)
        state = 0x9E3779B97F4A7C15u * (1 + atomic_fetch_add(&threads, 1));
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> 16;
}

static int kind(int fd) {
    int kind = 0;
    socklen_t len = sizeof kind;
    int before = errno;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &len))
        kind = 0;
    errno = before;
    return kind;
}

static int interrupt(void) {
    calls++;
    if (draw() % 20)
        return 0;
    interrupted++;
    errno = EINTR;
    return 1;
}

/* How much of `len` bytes is transferred. */
static size_t shorten(int kind, size_t len) {
    if (kind != SOCK_STREAM || len < 2)
        return len;
    transfers++;
    if (draw() % 2)
        return len;
    shortened++;
    return 1 + draw() % (len - 1);
}

/* Where a descriptor is polled. A system that transfers less than was asked for tells of readiness
 * again once it can go on; so is it told here, by setting the same interest anew. */
static struct {
    int epoll;
    struct epoll_event event;
} polled[MAX_FDS];
static pthread_mutex_t polled_lock = PTHREAD_MUTEX_INITIALIZER;

int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event) {
    NEXT(epoll_ctl);
    pthread_mutex_lock(&polled_lock);
    int result = next(epoll, op, fd, event);
    if (!result && fd < MAX_FDS) {
        polled[fd].epoll = op == EPOLL_CTL_DEL ? 0 : epoll;
        if (event)
            polled[fd].event = *event;
    }
    pthread_mutex_unlock(&polled_lock);
    return result;
}

static void tell_again(int fd) {
    static int (*next)(int, int, int, struct epoll_event *);
    if (!next)
        next = (int (*)(int, int, int, struct epoll_event *))dlsym(RTLD_NEXT, "epoll_ctl");
    int before = errno;
    pthread_mutex_lock(&polled_lock);
    if (fd < MAX_FDS && polled[fd].epoll)
        next(polled[fd].epoll, EPOLL_CTL_MOD, fd, &polled[fd].event);
    pthread_mutex_unlock(&polled_lock);
    errno = before;
}

/* A transfer of one buffer: `call` is the real one, of `part` bytes. */
#define TRANSFER(fd, len, call)                                                                    \
    int sort = kind(fd);                                                                           \
    if (sort && interrupt())                                                                       \
        return -1;                                                                                 \
    size_t part = shorten(sort, len);                                                              \
    ssize_t done = call;                                                                           \
    if (part < (len) && done > 0)                                                                  \
        tell_again(fd);                                                                            \
    return done

ssize_t read(int fd, void *buffer, size_t len) {
    NEXT(read);
    TRANSFER(fd, len, next(fd, buffer, part));
}

ssize_t write(int fd, const void *buffer, size_t len) {
    NEXT(write);
    TRANSFER(fd, len, next(fd, buffer, part));
}

ssize_t recv(int fd, void *buffer, size_t len, int flags) {
    NEXT(recv);
    TRANSFER(fd, len, next(fd, buffer, part, flags));
}

ssize_t send(int fd, const void *buffer, size_t len, int flags) {
    NEXT(send);
    TRANSFER(fd, len, next(fd, buffer, part, flags));
}

ssize_t recvfrom(int fd, void *buffer, size_t len, int flags, struct sockaddr *from,
                 socklen_t *from_len) {
    NEXT(recvfrom);
    TRANSFER(fd, len, next(fd, buffer, part, flags, from, from_len));
}

ssize_t sendto(int fd, const void *buffer, size_t len, int flags, const struct sockaddr *to,
               socklen_t to_len) {
    NEXT(sendto);
    TRANSFER(fd, len, next(fd, buffer, part, flags, to, to_len));
}

/* The first `len` bytes of the buffers, as far as MAX_PARTS of them hold so many. */
static int cut(struct iovec *parts, const struct iovec *buffers, int count, size_t len) {
    int used = 0;
    while (used < count && used < MAX_PARTS && len) {
        parts[used] = buffers[used];
        if (parts[used].iov_len > len)
            parts[used].iov_len = len;
        len -= parts[used++].iov_len;
    }
    return used;
}

static size_t total(const struct iovec *buffers, int count) {
    size_t len = 0;
    while (count--)
        len += buffers++->iov_len;
    return len;
}

typedef ssize_t Vectored(int, const struct iovec *, int);

static ssize_t transfer_parts(Vectored *next, int fd, const struct iovec *buffers, int count) {
    struct iovec parts[MAX_PARTS];
    size_t len = total(buffers, count);
    TRANSFER(fd, len,
             part == len ? next(fd, buffers, count)
                         : next(fd, parts, cut(parts, buffers, count, part)));
}

ssize_t readv(int fd, const struct iovec *buffers, int count) {
    NEXT(readv);
    return transfer_parts(next, fd, buffers, count);
}

ssize_t writev(int fd, const struct iovec *buffers, int count) {
    NEXT(writev);
    return transfer_parts(next, fd, buffers, count);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    NEXT(recvmsg);
    return interrupt() ? -1 : next(fd, message, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    NEXT(sendmsg);
    if (kind(fd) != SOCK_STREAM || message->msg_control)
        return interrupt() ? -1 : next(fd, message, flags);
    struct iovec parts[MAX_PARTS];
    struct msghdr shorter = *message;
    size_t len = total(message->msg_iov, message->msg_iovlen);
    shorter.msg_iov = parts;
    TRANSFER(fd, len,
             part == len ? next(fd, message, flags)
                         : (shorter.msg_iovlen =
                                cut(parts, message->msg_iov, message->msg_iovlen, part),
                            next(fd, &shorter, flags)));
}

int accept4(int fd, struct sockaddr *from, socklen_t *from_len, int flags) {
    NEXT(accept4);
    return interrupt() ? -1 : next(fd, from, from_len, flags);
}

int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout) {
    NEXT(epoll_wait);
    return interrupt() ? -1 : next(epoll, events, max, timeout);
}

__attribute__((destructor)) static void report(void) {
    fprintf(stderr, "\nfaults: %lu calls %lu interrupted %lu transfers %lu shortened\n", calls,
            interrupted, transfers, shortened);
}
