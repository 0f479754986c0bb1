// The hook before Swift's global executor (`swift_task_enqueueGlobal_hook` in its Concurrency.h).
#include "CTasks.h"

#include <stddef.h>
#include <stdint.h>

#define SWIFT_CALL __attribute__((swiftcall))

/// What a step runs on: both zero for threads that are nobody's in particular.
typedef struct executor {
    void *identity;
    uintptr_t implementation;
} executor;

typedef SWIFT_CALL void (*enqueue)(const void *step);
typedef SWIFT_CALL void (*hook)(const void *step, enqueue original);

// Weak: a runtime that has them no longer is told by their absence, not by the linker.
extern hook swift_task_enqueueGlobal_hook __attribute__((weak));
extern SWIFT_CALL void swift_job_run(const void *step, executor on) __attribute__((weak));

static void (*taker)(const void *step);

static SWIFT_CALL void hand_over(const void *step, enqueue original) {
    (void)original;
    taker(step);
}

bool gb_take_steps(void (*take)(const void *step)) {
    if (&swift_task_enqueueGlobal_hook == NULL || &swift_job_run == NULL ||
        swift_task_enqueueGlobal_hook != NULL) {
        return false;
    }
    taker = take;
    // Whoever sees the hook sees the taker.
    __atomic_store_n(&swift_task_enqueueGlobal_hook, hand_over, __ATOMIC_RELEASE);
    return true;
}

void gb_run_step(const void *step) { swift_job_run(step, (executor){NULL, 0}); }
