// A thread's stack for signal handlers: without it, a handler could not run where a stack is full.
#define _GNU_SOURCE
#include "CSwitch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    // The kernel's frame has up to 11 KiB with AMX; the handler of whoever was there before us may
    // want more.
    usable_bytes = 65536,
    // Destructors of other keys run in the round before, and may overflow.
    rounds = 2,
};

// Lies at the top of the mapping.
struct record {
    char *memory;
    size_t size;
    int rounds_left;
};

static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static int key_failure;

static void give_back(void *argument) {
    struct record *record = argument;
    if (--record->rounds_left && !pthread_setspecific(key, record)) return;
    stack_t now, none = {.ss_flags = SS_DISABLE};
    if (!sigaltstack(0, &now) && (char *)now.ss_sp >= record->memory &&
        (char *)now.ss_sp < record->memory + record->size)
        sigaltstack(&none, 0);
    munmap(record->memory, record->size);
}

static void make_key(void) { key_failure = pthread_key_create(&key, give_back); }

int gb_signal_stack(void) {
    stack_t stack;
    if (sigaltstack(0, &stack)) return errno;
    if (!(stack.ss_flags & SS_DISABLE)) return 0;
    pthread_once(&key_once, make_key);
    if (key_failure) return key_failure;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = page + usable_bytes;
    char *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return errno;
    // A guard of its own: what a handler overflows must not be the program's memory.
    int failure = mprotect(memory, page, PROT_NONE) ? errno : 0;
    struct record *record = (struct record *)(memory + size) - 1;
    *record = (struct record){memory, size, rounds};
    size_t usable = (usable_bytes - sizeof *record) & ~(size_t)15;
    stack = (stack_t){.ss_sp = memory + page, .ss_size = usable};
    if (!failure) failure = pthread_setspecific(key, record);
    if (!failure && sigaltstack(&stack, 0)) {
        failure = errno;
        pthread_setspecific(key, 0);
    }
    if (failure) munmap(memory, size);
    return failure;
}

bool gb_is_on_signal_stack(void) {
    stack_t stack;
    return !sigaltstack(0, &stack) && stack.ss_flags & SS_ONSTACK;
}
