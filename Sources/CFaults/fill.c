// Stacks that are filled to their last byte, and one byte further.
#define _GNU_SOURCE
#include "CFaults.h"

#include <alloca.h>
#include <errno.h>
#include <signal.h>
#include <ucontext.h>

// A context and not a long jump: nothing in the package jumps.
static _Thread_local ucontext_t recovery;
static _Thread_local volatile int has_faulted;
static _Thread_local volatile uintptr_t fault_address;
static struct sigaction before_segv, before_bus;
static char signal_stack[65536];

static void recover(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    fault_address = (uintptr_t)info->si_addr;
    has_faulted = 1;
    setcontext(&recovery);
}

int gb_catch_faults(void) {
    // A full stack has no room for the handler.
    stack_t stack;
    if (sigaltstack(0, &stack)) return errno;
    if (stack.ss_flags & SS_DISABLE) {
        stack = (stack_t){.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
        if (sigaltstack(&stack, 0)) return errno;
    }
    struct sigaction action = {.sa_sigaction = recover, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGSEGV, &action, &before_segv)) return errno;
    return sigaction(SIGBUS, &action, &before_bus) ? errno : 0;
}

void gb_let_faults_be(void) {
    sigaction(SIGSEGV, &before_segv, 0);
    sigaction(SIGBUS, &before_bus, 0);
}

static inline __attribute__((always_inline)) unsigned char pattern(size_t at, unsigned seed) {
    return (unsigned char)((at * 0x9e3779b1u + seed) >> 13);
}

// Where an alloca of this many bytes ends is where all that the compiler keeps for itself begins: it does
// not know that they are few, and so takes them from the stack pointer at that moment.
static volatile size_t few = 16;

// No calls in here: they would write where the frame ends.
__attribute__((noinline)) static size_t fill(uintptr_t lowest, unsigned seed, bool further) {
    size_t broken = 0;
    uintptr_t top = (uintptr_t)alloca(few);
    if (top < lowest) return 0;
    size_t count = top - lowest;
    // The frame takes all that is left: the stack pointer is at the lowest byte from here on.
    void *frame = alloca(count);
    volatile unsigned char *bytes = (volatile unsigned char *)lowest;
    __asm__ volatile("" : : "r"(frame) : "memory");
    for (size_t i = 0; i < count; i++) bytes[i] = pattern(i, seed);
    // Another byte than there is, whatever that may be.
    if (further) bytes[-1] ^= 0xff;
    for (size_t i = 0; i < count; i++) broken += bytes[i] != pattern(i, seed);
    return broken;
}

size_t gb_fill_stack(uintptr_t lowest, unsigned seed, bool further) {
    return fill(lowest, seed, further);
}

uintptr_t gb_fill_further(uintptr_t lowest, unsigned seed) {
    fault_address = 0;
    has_faulted = 0;
    getcontext(&recovery);
    // Reached once more from the handler.
    if (!has_faulted) fill(lowest, seed, 1);
    return fault_address;
}

__attribute__((noinline)) size_t gb_hold_stack(uintptr_t lowest, unsigned seed,
                                               void (*act)(void *), void *argument) {
    uintptr_t top = (uintptr_t)alloca(few);
    if (top < lowest) return 0;
    size_t count = top - lowest, broken = 0;
    volatile unsigned char *frame = alloca(count);
    for (size_t i = 0; i < count; i++) frame[i] = pattern(i, seed);
    act(argument);
    for (size_t i = 0; i < count; i++) broken += frame[i] != pattern(i, seed);
    return broken;
}
