// The report of a stack overflow: a handler that says whose stack it was, and passes the signal on.
//
// The handler runs on a stack of its own, wherever the fault was: inside of malloc, of the dynamic
// loader, of Swift's runtime. So it takes no lock, allocates nothing, and calls nothing but what may
// be called in a handler. A second fault while it reports finds the signal blocked, and then the
// kernel ends the process with that signal: nothing is lost but the rest of the line.
#define _GNU_SOURCE
#include "CSwitch.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__linux__)
#include <link.h>
#include <sys/syscall.h>
#endif

// Frames and red zones of others are read as they are.
#define READS_STACKS __attribute__((no_sanitize("address", "thread")))

static gb_overflow_layout layout;
static atomic_bool reporting;

static _Thread_local char subject[64] __attribute__((tls_model("initial-exec")));

void gb_overflow_subject(const char *name) {
    size_t length = strlen(name);
    if (length >= sizeof subject) length = sizeof subject - 1;
    memcpy(subject, name, length);
    subject[length] = 0;
}

// MARK: The line

struct line {
    size_t length;
    char text[768];
};

static void put(struct line *line, const char *text) {
    while (*text && line->length < sizeof line->text - 1) line->text[line->length++] = *text++;
}

// What is quoted stays on its line and within its quotes, however it is called.
static void put_quoted(struct line *line, const char *text) {
    put(line, "\"");
    for (size_t i = 0; text[i] && i < 128; i++) {
        char one[2] = {text[i], 0};
        if ((unsigned char)one[0] < ' ' || one[0] == 127) one[0] = '?';
        if (one[0] == '"') one[0] = '\'';
        put(line, one);
    }
    put(line, "\"");
}

static void put_number(struct line *line, uint64_t number, unsigned base) {
    char digits[21];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do digits[--at] = "0123456789abcdef"[number % base];
    while (number /= base);
    if (base == 16) put(line, "0x");
    put(line, digits + at);
}

// A place in the code, as addr2line and llvm-symbolizer take it. The function's name would need
// dladdr, which waits for the loader's lock: whoever has it may wait for what we hold, and then the
// process would hang in place of dying. _dl_find_object is made for signal handlers.
static void put_code(struct line *line, uintptr_t address) {
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
    struct dl_find_object found;
    if (!_dl_find_object((void *)address, &found)) {
        const char *name = found.dlfo_link_map->l_name;
        const char *slash = name ? strrchr(name, '/') : 0;
        put(line, !name || !*name ? program_invocation_short_name : slash ? slash + 1 : name);
        put(line, "+");
        put_number(line, address - found.dlfo_link_map->l_addr, 16);
        return;
    }
#endif
    put_number(line, address, 16);
}

static void put_site(struct line *line, uintptr_t site) {
    const char *file = (const char *)(site & (((uintptr_t)1 << gb_site_line_shift) - 1));
    if (!file) return;
    put(line, ", made at ");
    put(line, file);
    put(line, ":");
    put_number(line, site >> gb_site_line_shift, 10);
}

static void write_line(const struct line *line) {
    for (size_t done = 0; done < line->length;) {
        ssize_t count = write(2, line->text + done, line->length - done);
        if (count > 0) done += (size_t)count;
        else if (errno != EINTR) return;
    }
}

// MARK: The fault

struct registers {
    uintptr_t ip, sp, fp;
};

static struct registers registers_of(const ucontext_t *context) {
#if defined(__linux__) && defined(__x86_64__)
    const greg_t *all = context->uc_mcontext.gregs;
    return (struct registers){
        (uintptr_t)all[REG_RIP], (uintptr_t)all[REG_RSP], (uintptr_t)all[REG_RBP]};
#elif defined(__linux__) && defined(__aarch64__)
    return (struct registers){
        context->uc_mcontext.pc, context->uc_mcontext.sp, context->uc_mcontext.regs[29]};
#elif defined(__APPLE__) && defined(__x86_64__)
    return (struct registers){context->uc_mcontext->__ss.__rip, context->uc_mcontext->__ss.__rsp,
                              context->uc_mcontext->__ss.__rbp};
#elif defined(__APPLE__) && defined(__aarch64__)
    return (struct registers){
        __darwin_arm_thread_state64_get_pc(context->uc_mcontext->__ss),
        __darwin_arm_thread_state64_get_sp(context->uc_mcontext->__ss),
        __darwin_arm_thread_state64_get_fp(context->uc_mcontext->__ss)};
#else
#error "say where this system keeps the registers of what a signal interrupted"
#endif
}

// A frame is touched at or above the stack pointer, or a little below it: a call's return address,
// a red zone of 128 bytes, a pair that AArch64 stores before it has moved the pointer.
enum { below_sp_max = 512 };

// Whether a fault in a guard is the overflow of the stack above it. It is not, if the stack pointer
// is far above: then somebody wrote there by mistake; nor if it is on another stack: the neighbour
// below ran over its own top.
static bool is_overflow(uintptr_t address, struct registers at, const gb_guarded *stack) {
    if (address + below_sp_max < at.sp) return false;
    if (at.sp >= stack->guard) return true;
    // A frame wider than the guard. It is ours if the caller's frame is.
    return at.fp >= stack->lowest && at.fp < stack->top;
}

// Whether two words at `frame` can be a frame pointer and a return address.
READS_STACKS static bool looks_like_frame(uintptr_t frame, const gb_guarded *stack) {
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
    struct dl_find_object found;
    if (frame < stack->lowest || frame > stack->top - 16 || frame & 15) return false;
    const uintptr_t *words = (const uintptr_t *)frame;
    return words[0] > frame && words[0] < stack->top && !_dl_find_object((void *)words[1], &found);
#else
    (void)frame, (void)stack;
    return false;
#endif
}

// Counts frames by their pointers. Outer frames lie higher, so it ends with the stack. Code without
// frame pointers hides itself, or all that is outside of it: then the count is the least.
READS_STACKS static void put_depth(struct line *line, struct registers at,
                                   const gb_guarded *stack) {
    uintptr_t frame = at.fp;
    bool whole = false, guessed = frame < stack->lowest || frame > stack->top - 16 || frame & 7;
    if (guessed) {
        // C without frame pointers uses the register as it likes. Its caller's frame is not far.
        frame = ((at.sp > stack->lowest ? at.sp : stack->lowest) + 15) & ~(uintptr_t)15;
        uintptr_t end = frame + 65536 < stack->top - 16 ? frame + 65536 : stack->top - 16;
        while (frame < end && !(looks_like_frame(frame, stack) &&
                                looks_like_frame(*(const uintptr_t *)frame, stack)))
            frame += 16;
        if (frame >= end) return;
    }
    uint64_t count = 1;
    while (frame >= stack->lowest && frame <= stack->top - 16 && !(frame & 7)) {
        const uintptr_t *words = (const uintptr_t *)frame;
        // The first frame of a greenlet or coroutine returns to nobody, and has no outer one.
        whole = !words[0] || !words[1];
        if (!words[1]) break;
        count++;
        if (words[0] <= frame) break;
        frame = words[0];
    }
    put(line, !whole ? ", at least " : guessed ? ", about " : ", ");
    put_number(line, count, 10);
    put(line, " frames deep");
}

static uintptr_t word_at(uintptr_t structure, size_t offset) {
    return *(const uintptr_t *)(structure + offset);
}

// The head of a coroutine's stack, or 0. It lies at the top, lower by some lines on some stacks; it
// names its own guard and the engine. Above it there may be an older one, which names no engine.
READS_STACKS static uintptr_t find_coroutine(const gb_guarded *stack) {
    for (uintptr_t at = stack->top - 64; at > stack->lowest && at > stack->top - 8192; at -= 64) {
        uintptr_t engine = word_at(at, layout.head_parked);
        if (word_at(at, layout.head_limit) == stack->guard &&
            (engine == layout.coroutine_names[0] || engine == layout.coroutine_names[1]))
            return at;
    }
    return 0;
}

READS_STACKS static bool is_shared(const gb_guarded *stack) {
    for (uintptr_t at = stack->top - 64; at > stack->lowest && at > stack->top - 8192; at -= 64)
        if (word_at(at, layout.head_limit) == stack->guard &&
            word_at(at, layout.head_parked) == layout.sliced_name)
            return true;
    return false;
}

READS_STACKS static void put_owner(struct line *line, const gb_guarded *stack) {
    const char *name = subject[0] ? subject : 0;
    uintptr_t hub = (uintptr_t)gb_hub_get();
    uintptr_t core = hub ? word_at(hub, 0) : 0;
    uintptr_t head = core ? word_at(core, layout.core_head) : 0;
    // Sliced greenlets have no head of their own, but one of them runs on the stack that they share.
    if ((head > stack->lowest && head < stack->top) || (core && !head && is_shared(stack))) {
        uintptr_t settings = word_at(core, layout.core_settings);
        const char *own =
            settings ? (const char *)word_at(settings, layout.settings_name) : 0;
        put_quoted(line, own ? own : name ? name : "greenlet");
        put(line, " (greenlet number ");
        put_number(line, *(const uint64_t *)(core + layout.core_id), 10);
        put(line, ")");
        put_site(line, word_at(core, layout.core_site));
        return;
    }
    head = find_coroutine(stack);
    if (head) {
        put_quoted(line, name ? name : "coroutine");
        put(line, " (a coroutine)");
        put_site(line, word_at(head - layout.coroutine_room, layout.coroutine_site));
        return;
    }
    put_quoted(line, name ? name : "context");
    put(line, " (a context of another engine)");
}

static void report(uintptr_t address, struct registers at, const gb_guarded *stack) {
    struct line line = {.length = 0};
    put(&line, "greenlets: stack overflow in ");
    put_owner(&line, stack);
    put_depth(&line, at, stack);
    put(&line, ", in ");
    put_code(&line, at.ip);
    put(&line, "; its stack is ");
    put_number(&line, stack->lowest, 16);
    put(&line, "-");
    put_number(&line, stack->top, 16);
    put(&line, " (");
    put_number(&line, stack->top - stack->lowest, 10);
    put(&line, " bytes), the fault is at ");
    put_number(&line, address, 16);
    put(&line, "; give it a larger one");
    line.text[line.length++] = '\n';
    write_line(&line);
}

// MARK: What handled the signal before

// Guards fault with SIGSEGV; Darwin's with SIGBUS.
enum {
#if defined(__APPLE__)
    signals_max = 2,
#else
    signals_max = 1,
#endif
    // Times that somebody else may set a handler and the report is enabled again.
    levels_max = 8,
};

struct chain {
    int number;
    _Atomic int levels;
    // The oldest first. Only a handler that resets itself changes after it was written.
    struct sigaction before[levels_max];
};

static struct chain chains[signals_max] = {
    {.number = SIGSEGV},
#if defined(__APPLE__)
    {.number = SIGBUS},
#endif
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
    if (passed_on) {
        level = outer.level - 1;
    } else if (info->si_code > 0) {
        gb_guarded stack;
        struct registers at = registers_of(context);
        if (gb_guards_find(info->si_addr, &stack) &&
            is_overflow((uintptr_t)info->si_addr, at, &stack))
            report((uintptr_t)info->si_addr, at, &stack);
    }
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

int gb_overflow_report(const gb_overflow_layout *given) {
    static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    int failure = gb_signal_stack();
    if (failure) return failure;
    pthread_mutex_lock(&gate);
    if (!atomic_load_explicit(&reporting, memory_order_relaxed)) layout = *given;
    atomic_store_explicit(&reporting, true, memory_order_release);
    for (int i = 0; i < signals_max && !failure; i++) failure = arm(&chains[i]);
    pthread_mutex_unlock(&gate);
    return failure;
}

void gb_signal_stack_if_reporting(void) {
    // Without a stack the report is not made; the overflow itself is found all the same.
    if (atomic_load_explicit(&reporting, memory_order_acquire)) gb_signal_stack();
}
