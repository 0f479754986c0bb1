// The machine contract of a context switch, and the thread's word that says who runs.
//
// The switch is inlined into its caller and leaves by a jump. It stores the stack pointer, the
// address to continue at, the frame pointer and, on AArch64, the register that LLVM may reserve as
// a base pointer; every other register is in the clobber list, so the compiler saves just those
// that are live. Floating-point control words are not part of it: they cost more than the
// switch, and gb_float_* switches them for contexts that ask for an environment of their own.
#ifndef CSWITCH_H
#define CSWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "overflow.h"

/// A context that does not run: four words. Offsets are used by the assembly files.
typedef struct gb_context {
    void *sp;  // offset 0
    void *ip;  // offset 8
    void *fp;  // offset 16
    void *bx;  // offset 24; used on AArch64 only
} gb_context;

/// Two contexts that are switched to and fro between, an outside and an inside: one of them runs and
/// the other is saved here. The low bits of the saved stack pointer are a tag that says which.
typedef struct gb_pair {
    gb_context saved;
} gb_pair;

enum {
    gb_pair_suspended = 0,  // the inside is saved
    gb_pair_running = 1,    // the outside is saved
    gb_pair_finished = 2,   // the inside is saved, and came to its end
    gb_pair_ending = 3,     // the outside is saved, and the inside is told to end
    gb_pair_long = 4,       // added to any of these: more than the contexts has to be exchanged
};

/// What a context finds when it is continued by gb_switch.
typedef struct gb_arrival {
    gb_context *own;  // the context's own record, which the one who switched passed as `to`
    uintptr_t word;   // what that one handed over
} gb_arrival;

/// The body of a context. It runs on the new stack and must never return.
///
/// @param argument  As gb_context_init was given.
/// @param word      As the first switch handed over.
typedef void (*gb_entry)(void *argument, uintptr_t word);

/// Lays out a context that calls `entry(argument, word)` when it is first switched to.
///
/// @param context   Written.
/// @param top       One past the highest usable byte; rounded down to 16 bytes, 32 are used.
/// @param entry     Never returns; the unwinder finds no caller above it.
/// @param argument  Passed unchanged.
void gb_context_init(gb_context *context, void *top, gb_entry entry, void *argument);

/// Saves the running context in `from` and continues `to`, by a call: for tests, and for callers
/// that cannot inline.
/// @return The word that the switch back handed over.
uintptr_t gb_switch_outofline(gb_context *from, gb_context *to, uintptr_t word);

#if defined(__x86_64__)
#include "switch_x86_64_sysv.h"
#elif defined(__aarch64__)
#include "switch_aarch64_aapcs.h"
#else
#error "no context switch for this machine: copy switch_x86_64_sysv.h and .S and port both"
#endif

/// The same address, of which the compiler does not know that it is the same.
///
/// What is then computed from it is computed from the register that a pair's switch keeps, and not
/// loaded from where an equal value was put away.
static inline __attribute__((always_inline)) void *gb_opaque(void *address) {
    __asm__("" : "+r"(address));
    return address;
}

/// The tag of a pair.
static inline __attribute__((always_inline)) uint8_t gb_pair_tag(const gb_pair *pair) {
    return *(const uint8_t *)pair & 7;
}

/// Leaves the outside and continues the inside, handing it a word in a register.
///
/// @param pair  Tagged suspended.
/// @return The word of the switch back.
static inline __attribute__((always_inline)) uintptr_t
gb_pair_enter(gb_pair *pair, uintptr_t word) {
    GB_PAIR_ENTER(pair, word);
    return word;
}

/// Leaves the inside, suspended, and continues the outside.
///
/// @param pair  Tagged running.
/// @return The word of the switch back.
static inline __attribute__((always_inline)) uintptr_t
gb_pair_suspend(gb_pair *pair, uintptr_t word) {
    GB_PAIR_SUSPEND(pair, word);
    return word;
}

/// Leaves the inside, finished, and continues the outside.
///
/// @param pair  Tagged running.
/// @return The word of the switch back, if the inside is used again.
static inline __attribute__((always_inline)) uintptr_t
gb_pair_finish(gb_pair *pair, uintptr_t word) {
    GB_PAIR_FINISH(pair, word);
    return word;
}

/// Leaves either side and continues the other one, whatever the tag is and becomes.
///
/// @return The word of the switch back.
static inline __attribute__((always_inline)) uintptr_t
gb_pair_exchange(gb_pair *pair, uintptr_t word, uintptr_t tag) {
    GB_PAIR_EXCHANGE(pair, word, tag);
    return word;
}

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

/// Calls `ended(hub)` when the calling thread ends.
///
/// @return 0, or an errno.
int gb_hub_at_thread_end(void *hub, void (*ended)(void *hub));

/// Calls the three around each fork, as pthread_atfork does. To be called once.
int gb_hub_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/// Calls `act` on a thread of its own whenever a signal comes.
///
/// @return 0, or an errno.
int gb_on_signal(int number, void (*act)(void));

/// Writes the name of the function at an address, or the address; at most `size` bytes.
void gb_symbol(const void *address, char *out, size_t size);

/// The monotonic clock.
uint64_t gb_nanoseconds(void);

/// Retains a Swift object unless it is being destroyed.
///
/// @return The object, or NULL.
void *gb_try_retain(void *object);

extern _Thread_local void **gb_this_accesses __attribute__((tls_model("initial-exec")));

/// Looks for the word that `gb_accesses` returns, and keeps its address for the thread.
void **gb_accesses_find(void);

/// The thread's word that heads Swift's list of open exclusive accesses.
///
/// The list's nodes lie in stack frames, so each context has a list of its own and a switch
/// exchanges the head. Found once a thread: opens an access and looks for it in the thread's
/// thread-local blocks, twice.
/// @return The word's address. Where it cannot be found without doubt, a word that nobody reads:
/// switches then call gb_accesses_exit and gb_accesses_enter instead.
static inline void **gb_accesses(void) {
    return gb_this_accesses ? gb_this_accesses : gb_accesses_find();
}

/// Whether `gb_accesses` is the runtime's word.
bool gb_accesses_are_found(void);

/// Makes threads that have not looked yet go without the word; for tests of the other way.
void gb_accesses_never_find(bool never);

/// What the runtime keeps of a context's open accesses.
typedef struct gb_access_state {
    void *words[2];
} gb_access_state;

/// Takes the thread's open accesses off, before a switch. Nothing, where the word is found.
void gb_accesses_exit(gb_access_state *state);

/// Puts them on again. Nothing, where the word is found.
void gb_accesses_enter(gb_access_state *state);

#endif
