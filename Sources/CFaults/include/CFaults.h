// What a proof of crashes needs: children to crash in, and frames of any width.
#ifndef CFAULTS_H
#define CFAULTS_H

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

/// Reads memory that was freed.
int gb_read_freed(void);

/// Decides by memory that was never written.
int gb_branch_on_nothing(void);

/// Adds one to the largest int.
int gb_add_too_much(void);

/// Writes to one variable from two threads at once.
int gb_race(void);

#endif
