// The handler of signals that end the process: it has them reported, and passes them on.
//
// The handler runs on a stack of its own, wherever the fault was: inside of malloc, of the dynamic
// loader, of Swift's runtime. So it takes no lock, allocates nothing, and calls nothing but what may
// be called in a handler. A second fault while it reports ends the process with the first signal:
// nothing is lost but the rest of the report.
#define _GNU_SOURCE
#include "report.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "CSwitch.h"
#include "owner.h"

#if defined(__linux__)
#include <sys/syscall.h>
#endif

static atomic_bool reporting, reporting_crashes;

// MARK: What handled the signal before

enum {
    // Guards fault with SIGSEGV; Darwin's with SIGBUS.
#if defined(__APPLE__)
    signals_of_guards = 2,
#else
    signals_of_guards = 1,
#endif
    signals_max = 7,
    // Times that somebody else may set a handler and the report is enabled again.
    levels_max = 8,
};

struct chain {
    int number;
    _Atomic int levels;
    // The oldest first. Only a handler that resets itself changes after it was written.
    struct sigaction before[levels_max];
};

// Those of guards first.
static struct chain chains[signals_max] = {
    {.number = SIGSEGV}, {.number = SIGBUS},  {.number = SIGILL}, {.number = SIGFPE},
    {.number = SIGABRT}, {.number = SIGTRAP}, {.number = SIGSYS},
};

// The handler that we are in the middle of passing a signal to.
struct passing {
    const void *context;
    uintptr_t frame;
    int level;
};
static _Thread_local struct passing passing __attribute__((tls_model("initial-exec")));

// Ends the process as the signal does by default. It is sent once more, as it came: what faulted
// need not fault again, for it may have been sent by somebody, or another thread has made the address
// valid.
static void end_by_default(int number, siginfo_t *info) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, 0);
#if defined(__linux__)
    syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), number, info);
#else
    if (info->si_code <= 0) pthread_kill(pthread_self(), number);
#endif
}

// Handles a signal as the kernel would have without us.
static void pass(struct sigaction *before, int number, siginfo_t *info, void *context) {
    struct sigaction action = *before;
    if (!(action.sa_flags & SA_SIGINFO)) {
        // A fault cannot be ignored, but what is sent can.
        if (action.sa_handler == SIG_IGN && info->si_code <= 0) return;
        if (action.sa_handler == SIG_IGN || action.sa_handler == SIG_DFL)
            return end_by_default(number, info);
    }
    if (action.sa_flags & (int)SA_RESETHAND) {
        before->sa_flags &= ~SA_SIGINFO;
        before->sa_handler = SIG_DFL;
    }
    // Ours blocks its own signal and no other one; what faulted had it unblocked.
    sigset_t own, wanted;
    pthread_sigmask(SIG_BLOCK, 0, &own);
    wanted = own;
    sigdelset(&wanted, number);
    for (int other = 1; other < NSIG; other++)
        if (sigismember(&action.sa_mask, other) == 1) sigaddset(&wanted, other);
    if (!(action.sa_flags & SA_NODEFER)) sigaddset(&wanted, number);
    pthread_sigmask(SIG_SETMASK, &wanted, 0);
    if (action.sa_flags & SA_SIGINFO) action.sa_sigaction(number, info, context);
    else action.sa_handler(number);
    pthread_sigmask(SIG_SETMASK, &own, 0);
}

// MARK: The report

// The signal that this thread is reporting; 0 for none.
struct telling {
    int number;
    siginfo_t *info;
};
static _Thread_local struct telling telling __attribute__((tls_model("initial-exec")));

static bool is_ignored(const struct sigaction *action) {
    return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_IGN;
}

static void tell(int number, siginfo_t *info, void *context, const struct sigaction *next) {
    enum { inner = 16, outer = 8 };
    bool crashes = atomic_load_explicit(&reporting_crashes, memory_order_acquire);
    struct gb_registers at = gb_registers_of(context);
    uintptr_t address = (uintptr_t)info->si_addr;
    gb_guarded stack;
    telling = (struct telling){number, info};
    if (info->si_code > 0 && (number == SIGSEGV || number == SIGBUS) &&
        gb_guards_find(info->si_addr, &stack) && gb_is_overflow(address, at, &stack)) {
        gb_tell_overflow(address, at, &stack);
        if (crashes) gb_tell_calls(at, &stack, inner, outer);
    } else if (crashes && (info->si_code > 0 || !next || !is_ignored(next))) {
        gb_tell_crash(number, info, at);
    }
    telling.number = 0;
}

// What is reported is so damaged that the report itself faults.
static void end_by_first(void) {
    sigset_t first;
    sigemptyset(&first);
    sigaddset(&first, telling.number);
    end_by_default(telling.number, telling.info);
    pthread_sigmask(SIG_UNBLOCK, &first, 0);
}

static void handle_fault(int number, siginfo_t *info, void *context) {
    int saved = errno;
    struct chain *chain = chains;
    while (chain->number != number) chain++;
    int level = atomic_load_explicit(&chain->levels, memory_order_acquire) - 1;
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    struct passing outer = passing;
    // Called by the one that we pass the signal to, which passes it on in its turn: the one before it
    // is next. A context in the same place alone does not say so: a handler may have jumped away, and
    // then this is another signal.
    bool passed_on = outer.context == context && frame < outer.frame;
    if (telling.number && info->si_code > 0) end_by_first();
    else if (passed_on) level = outer.level - 1;
    else tell(number, info, context, level < 0 ? 0 : &chain->before[level]);
    if (level < 0) {
        end_by_default(number, info);
    } else {
        passing = (struct passing){context, passed_on ? outer.frame : frame, level};
        pass(&chain->before[level], number, info, context);
        passing = outer;
    }
    errno = saved;
}

static int arm(struct chain *chain) {
    struct sigaction now;
    if (sigaction(chain->number, 0, &now)) return errno;
    if (now.sa_flags & SA_SIGINFO && now.sa_sigaction == handle_fault) return 0;
    int level = atomic_load_explicit(&chain->levels, memory_order_relaxed);
    if (level == levels_max) return ENOSPC;
    chain->before[level] = now;
    atomic_store_explicit(&chain->levels, level + 1, memory_order_release);
    struct sigaction action = {.sa_sigaction = handle_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    if (!sigaction(chain->number, &action, 0)) return 0;
    int failure = errno;
    atomic_store_explicit(&chain->levels, level, memory_order_release);
    return failure;
}

static int report(const gb_overflow_layout *layout, int signals) {
    static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    int failure = gb_signal_stack();
    if (failure) return failure;
    pthread_mutex_lock(&gate);
    if (!atomic_load_explicit(&reporting, memory_order_relaxed)) gb_owner_layout(layout);
    atomic_store_explicit(&reporting, true, memory_order_release);
    for (int i = 0; i < signals && !failure; i++) failure = arm(&chains[i]);
    if (!failure && signals == signals_max)
        atomic_store_explicit(&reporting_crashes, true, memory_order_release);
    pthread_mutex_unlock(&gate);
    return failure;
}

int gb_overflow_report(const gb_overflow_layout *layout) {
    return report(layout, signals_of_guards);
}

int gb_crash_report(const gb_overflow_layout *layout) { return report(layout, signals_max); }

void gb_signal_stack_if_reporting(void) {
    // Without a stack the report is not made; the overflow itself is found all the same.
    if (atomic_load_explicit(&reporting, memory_order_acquire)) gb_signal_stack();
}
