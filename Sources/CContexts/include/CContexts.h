// What glibc's headers force into C: ucontext, futexes and thread counters, for the yardsticks.
#ifndef CCONTEXTS_H
#define CCONTEXTS_H

#include <stddef.h>
#include <stdint.h>

/// A ucontext, its link and what it needs to start. Opaque: ucontext_t is not imported well.
typedef struct gb_ucontext gb_ucontext;

/// Makes a context that calls `entry(argument)` on the given bytes; NULL without memory.
gb_ucontext *gb_ucontext_make(void *lowest, size_t size, void (*entry)(void *), void *argument);
void gb_ucontext_free(gb_ucontext *context);

/// Goes in, until the context goes out; swapcontext either way.
void gb_ucontext_enter(gb_ucontext *context);
void gb_ucontext_leave(gb_ucontext *context);

/// A word that two threads hand to each other: syscall() is variadic, so Swift cannot call futex.
typedef struct gb_turn {
    _Atomic uint32_t value;
} gb_turn;

/// Sets the turn and wakes whoever waits for it.
void gb_turn_give(gb_turn *turn, uint32_t to);

/// Sleeps until the turn is `mine`.
void gb_turn_await(gb_turn *turn, uint32_t mine);

/// Starts a thread on the given bytes. Returns 0 or an error number.
int gb_thread_start(void *lowest, size_t size, void (*entry)(void *), void *argument,
                    unsigned long *thread);
void gb_thread_join(unsigned long thread);

/// What a thread has been through, from RUSAGE_THREAD (a macro cast that Swift does not import).
typedef struct gb_counters {
    int64_t monotonic_ns;
    int64_t process_cpu_ns;
    int64_t involuntary_switches, minor_faults, major_faults;
    int32_t cpu;
} gb_counters;

void gb_counters_read(gb_counters *counters);

/// Nanoseconds of the monotonic clock.
int64_t gb_monotonic_ns(void);

/// Leaves no core behind when a signal ends the process, unless whoever started it asked for cores.
void gb_no_core(void);

/// Dies with the parent: prctl is variadic.
void gb_die_with_parent(void);

/// Pins the calling thread to the CPU it is on. Returns the CPU, or -1 when that was refused.
int gb_pin_here(void);

/// Pins the calling thread to a CPU. Returns the CPU, or -1 when that was refused.
int gb_pin_to(int cpu);

/// Takes the last CPU that the calling thread may use from all threads of the process.
///
/// Returns that CPU, or -1 when there is no other one, or it was refused.
int gb_leave_last_cpu(void);

#endif
