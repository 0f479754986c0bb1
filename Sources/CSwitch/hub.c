// The thread's hub, and where Swift's runtime keeps the thread's list of open exclusive accesses.
#define _GNU_SOURCE
#include "CSwitch.h"

#include <pthread.h>

#if defined(__linux__)
#include <link.h>
#endif

_Thread_local void *gb_this_hub __attribute__((tls_model("initial-exec")));
_Thread_local void **gb_this_accesses __attribute__((tls_model("initial-exec")));

static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static int key_failure;
static void (*thread_ended)(void *hub);

static void at_thread_end(void *hub) {
    void (*ended)(void *) = __atomic_load_n(&thread_ended, __ATOMIC_ACQUIRE);
    ended(hub);
}

static void make_key(void) { key_failure = pthread_key_create(&key, at_thread_end); }

int gb_hub_at_thread_end(void *hub, void (*ended)(void *hub)) {
    // Every thread writes the same address.
    __atomic_store_n(&thread_ended, ended, __ATOMIC_RELEASE);
    pthread_once(&key_once, make_key);
    return key_failure ? key_failure : pthread_setspecific(key, hub);
}

int gb_hub_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
    return pthread_atfork(prepare, parent, child);
}

#if defined(__x86_64__)
void gb_never(void) { __builtin_trap(); }
#endif

// Exported by Swift's runtime, which uses it for weak references.
void *swift_tryRetain(void *object) __attribute__((weak));

void *gb_try_retain(void *object) { return swift_tryRetain ? swift_tryRetain(object) : 0; }

// Stands in where the runtime's word is not found: switching it changes nothing.
static _Thread_local void *unread;

static bool never_find;

void gb_accesses_never_find(bool never) { never_find = never; }

// The runtime's own way to do the same: two calls for each switch, 13.6 ns.
void swift_task_enterThreadLocalContext(char *state) __attribute__((weak));
void swift_task_exitThreadLocalContext(char *state) __attribute__((weak));

bool gb_accesses_are_found(void) { return gb_accesses() != &unread; }

void gb_accesses_exit(gb_access_state *state) {
    if (!gb_accesses_are_found() && swift_task_exitThreadLocalContext)
        swift_task_exitThreadLocalContext((char *)state);
}

void gb_accesses_enter(gb_access_state *state) {
    if (!gb_accesses_are_found() && swift_task_enterThreadLocalContext)
        swift_task_enterThreadLocalContext((char *)state);
}

#if defined(__linux__)

// Swift's runtime exports these two; a compiled access calls them. The buffer is four words, of
// which the runtime links the first into the thread's list while the access is open.
void swift_beginAccess(void *pointer, void *buffer, uintptr_t flags, void *pc)
    __attribute__((weak));
void swift_endAccess(void *buffer) __attribute__((weak));

enum {
    // A dynamic ("tracked") modification, as the compiler passes it.
    access_flags = 0x21,
    candidates_max = 16,
};

struct search {
    void *wanted;
    void **found[candidates_max];
    int count;
};

// Looks through one module's thread-local block of this thread, and no further. Whole blocks are
// read as words, so AddressSanitizer must not look for the variables' borders.
__attribute__((no_sanitize("address", "thread"))) static int look(struct dl_phdr_info *module,
                                                                  size_t size, void *word) {
    struct search *search = word;
    (void)size;
    if (!module->dlpi_tls_data) return 0;
    for (int i = 0; i < module->dlpi_phnum; i++) {
        if (module->dlpi_phdr[i].p_type != PT_TLS) continue;
        void *volatile *block = module->dlpi_tls_data;
        for (size_t j = 0; j < module->dlpi_phdr[i].p_memsz / sizeof *block; j++)
            if (block[j] == search->wanted && search->count < candidates_max)
                search->found[search->count++] = (void **)&block[j];
    }
    return 0;
}

static void **find(void) {
    if (!swift_beginAccess || !swift_endAccess) return &unread;
    void *subject_one = 0, *subject_two = 0, *buffer_one[4] = {0}, *buffer_two[4] = {0};
    struct search search = {.wanted = buffer_one};

    swift_beginAccess(&subject_one, buffer_one, access_flags, (void *)find);
    dl_iterate_phdr(look, &search);
    swift_endAccess(buffer_one);

    // Another access must be in the same word, and in no other candidate.
    void **found = 0;
    int confirmed = 0;
    swift_beginAccess(&subject_two, buffer_two, access_flags, (void *)find);
    for (int i = 0; i < search.count; i++)
        if (*(void *volatile *)search.found[i] == (void *)buffer_two) {
            found = search.found[i];
            confirmed++;
        }
    swift_endAccess(buffer_two);
    return confirmed == 1 ? found : &unread;
}

#else

static void **find(void) { return &unread; }

#endif

void **gb_accesses_find(void) {
    // The first thing that any coroutine or greenlet asks for on its thread, and asked for once.
    gb_signal_stack_if_reporting();
    gb_this_accesses = never_find ? &unread : find();
    return gb_this_accesses;
}
