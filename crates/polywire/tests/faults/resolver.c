/* A resolver that does not answer. Loaded before the C library (LD_PRELOAD).
 *
 * "silent.test" is looked up for two seconds, in vain. "later.test" is this machine the first time
 * it is asked for, and silent from then on. "two.test" is 127.0.0.2 and 127.0.0.1, "four.test" counts
 * down from 127.0.0.4. All other names are left to the system. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef int Resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* All addresses from 127.0.0.<host> down to 127.0.0.1. */
static int count_down(Resolver *next, int host, const char *service, const struct addrinfo *hints,
                      struct addrinfo **result) {
    for (; host >= 1; host--) {
        char address[16];
        snprintf(address, sizeof(address), "127.0.0.%d", host % 256);
        int failed = next(address, service, hints, result);
        if (failed)
            return failed;
        while (*result)
            result = &(*result)->ai_next;
    }
    return 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result) {
    static atomic_int asked;
    Resolver *next = (Resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
    int is_later = node && !strcmp(node, "later.test");
    if (is_later && atomic_fetch_add(&asked, 1) == 0)
        return next("127.0.0.1", service, hints, result);
    if (is_later || (node && !strcmp(node, "silent.test"))) {
        sleep(2);
        return EAI_AGAIN;
    }
    if (node && !strcmp(node, "two.test"))
        return count_down(next, 2, service, hints, result);
    if (node && !strcmp(node, "four.test"))
        return count_down(next, 4, service, hints, result);
    return next(node, service, hints, result);
}
