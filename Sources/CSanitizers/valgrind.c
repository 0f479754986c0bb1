// What Valgrind is told of stacks, in builds with GB_VALGRIND; a few instructions, outside of it too.
#include "CSanitizers.h"

#if defined(GB_VALGRIND)
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

// Valgrind knows a stack by a number that it gives. There are few stacks under it, so a list is enough.
struct known {
    const char *lowest;
    unsigned number;
};

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static struct known *all;
static size_t count, room;

bool gb_valgrind_is_on(void) { return RUNNING_ON_VALGRIND; }

void gb_stack_is_made(const void *lowest, size_t size) {
    pthread_mutex_lock(&gate);
    if (count == room) {
        room = room ? 2 * room : 64;
        all = realloc(all, room * sizeof *all);
        if (!all) abort();
    }
    const char *start = lowest;
    all[count++] = (struct known){start, VALGRIND_STACK_REGISTER(start, start + size - 1)};
    pthread_mutex_unlock(&gate);
}

void gb_stack_is_gone(const void *lowest) {
    pthread_mutex_lock(&gate);
    for (size_t i = 0; i < count; i++) {
        if (all[i].lowest != lowest) continue;
        VALGRIND_STACK_DEREGISTER(all[i].number);
        all[i] = all[--count];
        break;
    }
    pthread_mutex_unlock(&gate);
}

void gb_stack_is_to_be_written(void *start, size_t size) {
    (void)VALGRIND_MAKE_MEM_UNDEFINED(start, size);
}

void gb_take_bits(void *bits, const void *from, size_t size) {
    // Where some of it is no memory that may be read, nothing is changed: whoever reads it is reported.
    if (VALGRIND_GET_VBITS(from, bits, size) == 1) (void)VALGRIND_MAKE_MEM_DEFINED(from, size);
    else memset(bits, 0, size);
}

void gb_give_bits(void *to, const void *bits, size_t size) {
    (void)VALGRIND_SET_VBITS(to, bits, size);
}

#else

bool gb_valgrind_is_on(void) { return false; }

void gb_stack_is_made(const void *lowest, size_t size) {
    (void)lowest;
    (void)size;
}

void gb_stack_is_gone(const void *lowest) { (void)lowest; }

void gb_stack_is_to_be_written(void *start, size_t size) {
    (void)start;
    (void)size;
}

void gb_take_bits(void *bits, const void *from, size_t size) {
    (void)bits;
    (void)from;
    (void)size;
}

void gb_give_bits(void *to, const void *bits, size_t size) {
    (void)to;
    (void)bits;
    (void)size;
}

#endif
