// POSIX ucontext behind two calls: makecontext is variadic.
#define _GNU_SOURCE
#include "CContexts.h"

#include <stdlib.h>
#include <ucontext.h>

struct gb_ucontext {
    ucontext_t inside, outside;
    void (*entry)(void *);
    void *argument;
};

// makecontext passes ints only, so a pointer travels in two halves.
static void start(unsigned low, unsigned high) {
    gb_ucontext *context = (gb_ucontext *)((uintptr_t)low | (uintptr_t)high << 32);
    context->entry(context->argument);
    abort(); // entry must not return
}

gb_ucontext *gb_ucontext_make(void *lowest, size_t size, void (*entry)(void *), void *argument) {
    gb_ucontext *context = calloc(1, sizeof *context);
    if (!context) return NULL;
    context->entry = entry;
    context->argument = argument;
    getcontext(&context->inside);
    context->inside.uc_stack.ss_sp = lowest;
    context->inside.uc_stack.ss_size = size;
    context->inside.uc_link = NULL;
    uintptr_t word = (uintptr_t)context;
    makecontext(&context->inside, (void (*)(void))start, 2, (unsigned)word,
                (unsigned)(word >> 32));
    return context;
}

void gb_ucontext_free(gb_ucontext *context) { free(context); }

void gb_ucontext_enter(gb_ucontext *context) {
    swapcontext(&context->outside, &context->inside);
}

void gb_ucontext_leave(gb_ucontext *context) {
    swapcontext(&context->inside, &context->outside);
}
