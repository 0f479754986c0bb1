// A turn that two threads hand to each other by futex, and threads on stacks of our own.
#define _GNU_SOURCE
#include "CContexts.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

void gb_turn_give(gb_turn *turn, uint32_t to) {
    atomic_store_explicit(&turn->value, to, memory_order_release);
    syscall(SYS_futex, &turn->value, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void gb_turn_await(gb_turn *turn, uint32_t mine) {
    for (;;) {
        uint32_t now = atomic_load_explicit(&turn->value, memory_order_acquire);
        if (now == mine) return;
        // Returns at once when the value has changed meanwhile, and by a signal: look again.
        syscall(SYS_futex, &turn->value, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
    }
}

struct start {
    void (*entry)(void *);
    void *argument;
};

static void *run(void *word) {
    struct start start = *(struct start *)word;
    free(word);
    start.entry(start.argument);
    return NULL;
}

int gb_thread_start(void *lowest, size_t size, void (*entry)(void *), void *argument,
                    unsigned long *thread) {
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error) return error;
    struct start *start = malloc(sizeof *start);
    if (!start) {
        pthread_attr_destroy(&attributes);
        return 12; // ENOMEM
    }
    *start = (struct start){entry, argument};
    error = pthread_attr_setstack(&attributes, lowest, size);
    pthread_t id;
    if (!error) error = pthread_create(&id, &attributes, run, start);
    pthread_attr_destroy(&attributes);
    if (error) {
        free(start);
        return error;
    }
    *thread = (unsigned long)id;
    return 0;
}

void gb_thread_join(unsigned long thread) { pthread_join((pthread_t)thread, NULL); }
