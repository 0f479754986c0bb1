// The calls that lead to where a signal came, read from the frames on the stack.
#ifndef CSWITCH_FRAMES_H
#define CSWITCH_FRAMES_H

#include <signal.h>
#include <stdbool.h>
#include <ucontext.h>

#include "line.h"
#include "overflow.h"

// Frames and red zones of others are read as they are.
#define GB_READS_STACKS __attribute__((no_sanitize("address", "thread")))

struct gb_registers {
    uintptr_t ip, sp, fp;
    uintptr_t link;  // the register of the return address; 0 where that is on the stack
};

/// What the registers held when the signal came.
GB_HIDDEN struct gb_registers gb_registers_of(const ucontext_t *context);

/// Copies memory that may not be there, by a system call that looks.
///
/// @param trusted  Whether to read it all the same where the system refuses that call.
/// @return Whether all of it was copied.
GB_HIDDEN bool gb_peek(uintptr_t from, void *to, size_t bytes, bool trusted);

/// A way outwards, frame by frame.
struct gb_walk {
    uintptr_t frame;   // the next frame's two words; 0 at the end
    uintptr_t lowest;  // where frames may lie
    uintptr_t top;
    bool is_known;  // whether all of that is there
    bool guessed;   // the first frame was looked for
    bool whole;     // came to the frame that returns to nobody
};

/// Finds the innermost frame.
///
/// @param stack  The stack that it is on, or NULL: then memory is only read where it is mapped.
/// @return Whether there is one.
GB_HIDDEN bool gb_walk_begin(struct gb_walk *walk, struct gb_registers at,
                             const gb_guarded *stack);

/// Goes one frame outwards. Outer frames lie higher, so this ends with the stack.
///
/// @return The address that the frame returns to, or 0.
GB_HIDDEN uintptr_t gb_walk_next(struct gb_walk *walk);

/// Writes a line for each call, innermost first: `inner` of them, a line about those that are left
/// out, and the `outer` outermost.
GB_HIDDEN void gb_tell_calls(struct gb_registers at, const gb_guarded *stack, unsigned inner,
                             unsigned outer);

#endif
