// What is said of a fault before it is handled as it would have been.
#ifndef CSWITCH_REPORT_H
#define CSWITCH_REPORT_H

#include "frames.h"

/// Whether a fault in a guard is the overflow of the stack above it.
GB_HIDDEN bool gb_is_overflow(uintptr_t address, struct gb_registers at, const gb_guarded *stack);

/// Says whose stack overflowed.
GB_HIDDEN void gb_tell_overflow(uintptr_t address, struct gb_registers at,
                                const gb_guarded *stack);

/// Says who ran when a signal came that ends the process, and its calls.
GB_HIDDEN void gb_tell_crash(int number, const siginfo_t *info, struct gb_registers at);

#endif
