// The guards below the process's stacks, and the reports of overflows and of other crashes.
#ifndef CSWITCH_OVERFLOW_H
#define CSWITCH_OVERFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Makes the guards of equal stacks known, which lie at equal distances: one, or all of a slab.
///
/// Takes no lock, so that a fork cannot leave one taken; to be called before the stacks are used.
/// @param base         The first byte of the lowest guard.
/// @param stride       Bytes from one guard to the next.
/// @param guard_bytes  Inaccessible bytes at the bottom of each stack.
/// @param stack_bytes  Accessible bytes above them; `guard_bytes + stack_bytes <= stride`.
/// @param count        Stacks.
/// @return Whether there was memory for it. Without, a report does not know these stacks.
bool gb_guards_add(const void *base, size_t stride, size_t guard_bytes, size_t stack_bytes,
                   size_t count);

/// Forgets what was added with this base; to be called before the memory goes.
void gb_guards_remove(const void *base);

/// One stack and its guard.
typedef struct gb_guarded {
    uintptr_t guard;   // the guard's first byte
    uintptr_t lowest;  // the first usable byte
    uintptr_t top;     // one past the last
} gb_guarded;

/// Finds the stack whose guard an address lies in.
///
/// Async-signal-safe: takes no lock, allocates nothing, calls nothing.
/// @return Whether there is one.
bool gb_guards_find(const void *address, gb_guarded *out);

/// Finds the stack that an address lies on, or in its guard. As async-signal-safe.
///
/// @return Whether there is one. A stack of more than 1 GiB may go unseen.
bool gb_guards_find_stack(const void *address, gb_guarded *out);

/// Where the engine's structures keep what a report says, in bytes from their beginning. A handler
/// written in Swift might call the runtime, which allocates and locks; this one only loads.
///
/// The first word of a hub is the address of the current greenlet's core.
typedef struct gb_overflow_layout {
    size_t core_head;       // the head of its stack
    size_t core_id;         // its number, 64 bits
    size_t core_settings;   // an object with its name, or NULL
    size_t core_site;       // a creation site
    size_t head_limit;      // the first byte of the guard
    size_t head_parked;     // the name of the engine
    size_t coroutine_room;  // bytes from a coroutine's core to its stack's head
    size_t coroutine_site;  // a creation site in the former
    uintptr_t coroutine_names[2];
    size_t settings_name;   // a name that ends with 0, or NULL, in that object
    uintptr_t sliced_name;  // the name of the engine on the stack that sliced greenlets share
} gb_overflow_layout;

// A creation site is the address of a file's name that ends with 0, and the line above that.
enum { gb_site_line_shift = 48 };

/// Has a fault in a guard say whose stack it was, before it is handled as it would have been.
///
/// To be called again when somebody else has set a handler since.
/// @return 0, or an errno.
int gb_overflow_report(const gb_overflow_layout *layout);

/// Has every signal that ends the process say who ran and which calls led there, and overflows, too.
///
/// Otherwise as gb_overflow_report.
int gb_crash_report(const gb_overflow_layout *layout);

/// Gives the calling thread a name for what has none of its own on it. At most 63 bytes are kept.
void gb_overflow_subject(const char *name);

/// Gives the calling thread a stack for signal handlers, unless it has one. 0, or an errno.
///
/// It goes with the thread.
int gb_signal_stack(void);

/// The same, if faults are reported; for threads that meet the engine for the first time.
void gb_signal_stack_if_reporting(void);

/// Whether the caller runs on the thread's stack for signal handlers. A system call.
bool gb_is_on_signal_stack(void);

#endif
