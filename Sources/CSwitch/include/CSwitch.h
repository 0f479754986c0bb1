// The machine contract of a context switch, and the thread's word that says who runs.
//
// The switch is inlined into its caller and leaves by a jump. It stores the stack pointer, the
// address to continue at, the frame pointer and the register that LLVM may reserve as a base
// pointer (rbx, x19); every other register is in the clobber list, so the compiler saves just
// those that are live. Floating-point control words are not part of it: they cost more than the
// switch, and gb_float_* switches them for contexts that ask for an environment of their own.
#ifndef CSWITCH_H
#define CSWITCH_H

#include <stddef.h>
#include <stdint.h>

/// A context that does not run: four words. Offsets are used by the assembly files.
typedef struct gb_context {
    void *sp;  // offset 0
    void *ip;  // offset 8
    void *fp;  // offset 16
    void *bx;  // offset 24
} gb_context;

/// The body of a context. It runs on the new stack and must never return.
typedef void (*gb_entry)(void *argument);

/// Lays out a context that calls `entry(argument)` when it is first switched to.
///
/// @param context   Written.
/// @param top       One past the highest usable byte; rounded down to 16 bytes, 32 are used.
/// @param entry     Never returns; the unwinder finds no caller above it.
/// @param argument  Passed unchanged.
void gb_context_init(gb_context *context, void *top, gb_entry entry, void *argument);

/// Saves the running context in `from` and continues `to`, by a call: for tests, and for callers
/// that cannot inline.
void gb_switch_outofline(gb_context *from, gb_context *to);

#if defined(__x86_64__)
#include "switch_x86_64_sysv.h"
#elif defined(__aarch64__)
#include "switch_aarch64_aapcs.h"
#else
#error "no context switch for this machine: copy switch_x86_64_sysv.h and .S and port both"
#endif

/// The floating-point control words: MXCSR and the x87 control word, or FPCR.
typedef struct gb_float_environment {
    uint64_t word;
} gb_float_environment;

/// The control words of this moment.
gb_float_environment gb_float_save(void);

/// Sets the control words.
void gb_float_load(gb_float_environment environment);

/// What a thread knows about its greenlets, as the engine laid it out; NULL until it is set up.
extern _Thread_local void *gb_this_hub __attribute__((tls_model("initial-exec")));

/// This thread's hub.
static inline void *gb_hub_get(void) {
    return gb_this_hub;
}

/// Sets this thread's hub.
static inline void gb_hub_set(void *hub) {
    gb_this_hub = hub;
}

extern _Thread_local void **gb_this_accesses __attribute__((tls_model("initial-exec")));

/// Looks for the word that `gb_accesses` returns, and keeps its address for the thread.
void **gb_accesses_find(void);

/// The thread's word that heads Swift's list of open exclusive accesses.
///
/// The list's nodes lie in stack frames, so each context has a list of its own and a switch
/// exchanges the head. Found once a thread: opens an access and looks for it in the thread's
/// thread-local blocks, twice.
/// @return The word's address. Where it cannot be found without doubt, a word that nobody reads.
static inline void **gb_accesses(void) {
    return gb_this_accesses ? gb_this_accesses : gb_accesses_find();
}

#endif
