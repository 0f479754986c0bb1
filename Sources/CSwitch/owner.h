// Whose stack it is: what a report of a signal says about who ran.
#ifndef CSWITCH_OWNER_H
#define CSWITCH_OWNER_H

#include "frames.h"

/// Has the following read the engine's structures; the first time counts.
GB_HIDDEN void gb_owner_layout(const gb_overflow_layout *layout);

/// Appends name and kind of who ran, and where it was made.
///
/// @param stack  The stack that the stack pointer is on; NULL where it is none that is known.
GB_HIDDEN void gb_put_owner(struct gb_line *line, const gb_guarded *stack);

#endif
