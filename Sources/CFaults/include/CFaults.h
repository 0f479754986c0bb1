// What a proof of crashes needs: children to crash in, and frames of any width.
#ifndef CFAULTS_H
#define CFAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// fork, which Swift does not offer. For processes with one thread.
int gb_fork(void);

/// Refuses guards without mappings to this process and its children, as kernels before 6.13 do.
///
/// @return 0, or an errno.
int gb_refuse_guard_pages(void);

/// Calls itself with frames of so many bytes, of which it touches the lowest, until it faults.
int gb_dig(size_t frame_bytes, int depth);

/// Calls `act` on a thread of its own, and waits for its end.
void gb_on_thread(void (*act)(void));

/// Calls what is no function.
void gb_call(uintptr_t address);

/// Where gb_call begins in its module, in bytes.
size_t gb_call_place(void);

/// Reads from a page that its file has no bytes for: SIGBUS.
void gb_bus_fault(void);

/// Has a signal handled by jumping back, with SA_SIGINFO and SA_ONSTACK and whatever else is given.
///
/// @return How often `act` was left by the jump; it is called `count` times.
int gb_jumping(int number, int flags, int count, void (*install_more)(void), void (*act)(void));

/// Takes the process's mappings, at most `most`, and gives `left` of them back.
///
/// @return How many times two it has taken; 0 when it could not.
size_t gb_take_mappings(size_t most, size_t left);
void gb_give_mappings_back(void);

/// Has faults of memory caught by gb_fill_further, until gb_let_faults_be. 0, or an errno.
int gb_catch_faults(void);
void gb_let_faults_be(void);

/// Fills the running stack from here down to `lowest` with a pattern, the stack pointer there, too.
///
/// @param lowest   A multiple of 16.
/// @param further  Whether to write the byte below, too.
/// @return How many bytes were not as they were written.
size_t gb_fill_stack(uintptr_t lowest, unsigned seed, bool further);

/// The same and the byte below, for whoever has faults caught.
///
/// @return The address of the fault, or 0 when there was none.
uintptr_t gb_fill_further(uintptr_t lowest, unsigned seed);

/// Fills the running stack down to `lowest`, calls `act` with what is left below, and looks.
///
/// @return How many bytes were not as they were written.
size_t gb_hold_stack(uintptr_t lowest, unsigned seed, void (*act)(void *), void *argument);

/// Sends SIGALRM and SIGPROF to the calling thread, each so often, until gb_storm_end.
///
/// @param on_signal_stack  Whether they are handled there, or on the stack that runs.
/// @return 0, or an errno; ENOTSUP where the system cannot send signals to one thread.
int gb_storm_begin(const uint64_t every_ns[2], bool on_signal_stack);
void gb_storm_end(void);

/// Signals that were handled since the storm began.
uint64_t gb_storm_handled(void);

/// Whether the calling thread's signal mask is what it was when the storm began.
bool gb_mask_is_usual(void);

/// Reads memory that was freed.
int gb_read_freed(void);

/// Decides by memory that was never written.
int gb_branch_on_nothing(void);

/// Decides by what lies there.
int gb_branch_on(const void *place);

/// Adds one to the largest int.
int gb_add_too_much(void);

/// Writes to one variable from two threads at once.
int gb_race(void);

#endif
