// Swift's tasks on threads of our own: a hook of its runtime, which Swift itself does not show.
#ifndef GB_CTASKS_H
#define GB_CTASKS_H

#include <stdbool.h>

/// Has every step of a task without an executor of its own given to `take` from now on, instead of to
/// Swift's own threads. `take` is called by any thread, and must have `gb_run_step` called once for each.
///
/// Returns false, and changes nothing, if this runtime has no such hook or somebody else has it.
bool gb_take_steps(void (*_Nonnull take)(const void *_Nonnull step));

/// Runs a step that was taken, on this thread.
void gb_run_step(const void *_Nonnull step);

#endif
