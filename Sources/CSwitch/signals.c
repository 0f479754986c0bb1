// A signal that asks for a dump, and the names of functions.
#define _GNU_SOURCE
#include "CSwitch.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int notes[2] = {-1, -1};
static void (*noticed)(void);

// A handler may do hardly anything: it leaves a note, and a thread of its own does the rest.
static void leave_note(int number) {
    (void)number;
    int saved = errno;
    ssize_t written = write(notes[1], "", 1);
    (void)written;
    errno = saved;
}

static void *read_notes(void *unused) {
    (void)unused;
    char note;
    for (;;) {
        ssize_t count = read(notes[0], &note, 1);
        if (count == 1) noticed();
        else if (count == 0 || errno != EINTR) return 0;
    }
}

int gb_on_signal(int number, void (*act)(void)) {
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    int failure = 0;
    pthread_mutex_lock(&once);
    noticed = act;
    if (notes[0] < 0) {
        pthread_t reader;
        sigset_t all, before;
        if (pipe2(notes, O_CLOEXEC)) failure = errno;
        // The reader takes no signals: they are the program's.
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        if (!failure) failure = pthread_create(&reader, 0, read_notes, 0);
        if (!failure) pthread_detach(reader);
        pthread_sigmask(SIG_SETMASK, &before, 0);
        if (failure && notes[0] >= 0) {
            close(notes[0]);
            close(notes[1]);
            notes[0] = notes[1] = -1;
        }
    }
    pthread_mutex_unlock(&once);
    if (failure) return failure;
    struct sigaction action = {.sa_handler = leave_note, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    return sigaction(number, &action, 0) ? errno : 0;
}

// Exported by Swift's runtime.
char *swift_demangle(const char *name, size_t length, char *out, size_t *size, uint32_t flags)
    __attribute__((weak));

void gb_symbol(const void *address, char *out, size_t size) {
    Dl_info info;
    if (!address || !dladdr(address, &info) || !info.dli_sname) {
        snprintf(out, size, "%p", address);
        return;
    }
    char *plain = swift_demangle
                      ? swift_demangle(info.dli_sname, strlen(info.dli_sname), 0, 0, 0)
                      : 0;
    size_t offset = (size_t)((const char *)address - (const char *)info.dli_saddr);
    snprintf(out, size, "%s + %zu", plain ? plain : info.dli_sname, offset);
    free(plain);
}

uint64_t gb_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
