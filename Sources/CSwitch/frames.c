// Walks the frames of a stack by their pointers, and looks for what code without them has left.
#define _GNU_SOURCE
#include "frames.h"

#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/uio.h>
#elif defined(__APPLE__)
#include <mach/mach.h>
#include <mach/mach_vm.h>
#endif

struct gb_registers gb_registers_of(const ucontext_t *context) {
#if defined(__linux__) && defined(__x86_64__)
    const greg_t *all = context->uc_mcontext.gregs;
    return (struct gb_registers){
        (uintptr_t)all[REG_RIP], (uintptr_t)all[REG_RSP], (uintptr_t)all[REG_RBP], 0};
#elif defined(__linux__) && defined(__aarch64__)
    return (struct gb_registers){context->uc_mcontext.pc, context->uc_mcontext.sp,
                                 context->uc_mcontext.regs[29], context->uc_mcontext.regs[30]};
#elif defined(__APPLE__) && defined(__x86_64__)
    return (struct gb_registers){context->uc_mcontext->__ss.__rip, context->uc_mcontext->__ss.__rsp,
                                 context->uc_mcontext->__ss.__rbp, 0};
#elif defined(__APPLE__) && defined(__aarch64__)
    return (struct gb_registers){
        __darwin_arm_thread_state64_get_pc(context->uc_mcontext->__ss),
        __darwin_arm_thread_state64_get_sp(context->uc_mcontext->__ss),
        __darwin_arm_thread_state64_get_fp(context->uc_mcontext->__ss),
        __darwin_arm_thread_state64_get_lr(context->uc_mcontext->__ss)};
#else
#error "say where this system keeps the registers of what a signal interrupted"
#endif
}

GB_READS_STACKS static void copy(const volatile char *from, volatile char *to, size_t bytes) {
    while (bytes--) *to++ = *from++;
}

bool gb_peek(uintptr_t from, void *to, size_t bytes, bool trusted) {
#if defined(__linux__)
    struct iovec own = {to, bytes}, there = {(void *)from, bytes};
    ssize_t count = process_vm_readv(getpid(), &own, 1, &there, 1, 0);
    if (count >= 0 || (errno != EPERM && errno != ENOSYS)) return count == (ssize_t)bytes;
#elif defined(__APPLE__)
    mach_vm_size_t count = 0;
    return mach_vm_read_overwrite(mach_task_self(), from, bytes, (mach_vm_address_t)to, &count) ==
               KERN_SUCCESS &&
           count == bytes;
#endif
    if (trusted) copy((const char *)from, to, bytes);
    return trusted;
}

// MARK: Frames

enum {
    // How far from the stack pointer a frame is looked for, or lies where the stack is not known.
    near_bytes = 65536,
    far_bytes = 64 << 20,
    // Frames of an unknown stack take a system call each.
    unknown_max = 4096,
};

struct frame {
    uintptr_t outer, code;
};

GB_READS_STACKS static bool read_frame(const struct gb_walk *walk, uintptr_t at,
                                       struct frame *out) {
    if (at < walk->lowest || at > walk->top - sizeof *out || at & 7) return false;
    if (!walk->is_known) return gb_peek(at, out, sizeof *out, false);
    const uintptr_t *words = (const uintptr_t *)at;
    *out = (struct frame){words[0], words[1]};
    return true;
}

// Whether two words can be a frame pointer and a return address.
static bool looks_like_frame(const struct gb_walk *walk, uintptr_t at, struct frame *out) {
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
    return !(at & 15) && read_frame(walk, at, out) && out->outer > at && out->outer < walk->top &&
           gb_module(out->code);
#else
    (void)walk, (void)at, (void)out;
    return false;
#endif
}

// Whether a frame that the register names is one: it returns into code, or to nobody at the very top.
static bool is_frame(const struct gb_walk *walk, uintptr_t at, struct frame frame) {
    enum { top_bytes = 8192 };
    return frame.code ? gb_module(frame.code) : walk->is_known && at + top_bytes > walk->top;
}

bool gb_walk_begin(struct gb_walk *walk, struct gb_registers at, const gb_guarded *stack) {
    struct frame frame, outer;
    *walk = (struct gb_walk){
        .frame = at.fp,
        .lowest = stack ? stack->lowest : at.sp,
        .top = stack ? stack->top : at.sp + far_bytes,
        .is_known = stack,
    };
    if (read_frame(walk, walk->frame, &frame) && is_frame(walk, walk->frame, frame)) return true;
    // C without frame pointers uses the register as it likes. Its caller's frame is not far.
    walk->guessed = true;
    walk->frame = ((at.sp > walk->lowest ? at.sp : walk->lowest) + 15) & ~(uintptr_t)15;
    for (uintptr_t end = walk->frame + near_bytes; walk->frame < end; walk->frame += 16)
        if (looks_like_frame(walk, walk->frame, &frame) &&
            looks_like_frame(walk, frame.outer, &outer))
            return true;
    return false;
}

uintptr_t gb_walk_next(struct gb_walk *walk) {
    struct frame frame;
    if (!walk->frame || !read_frame(walk, walk->frame, &frame)) return 0;
    // The first frame of a greenlet or coroutine returns to nobody, and has no outer one.
    walk->whole = !frame.outer || !frame.code;
    walk->frame = frame.code && frame.outer > walk->frame ? frame.outer : 0;
    return frame.code;
}

// MARK: Calls

// A return address is told by its call's last byte: the call may be the last thing of its function,
// and what comes next be another one.
static void tell_call(const char *how, uintptr_t code, uintptr_t back) {
    struct gb_line line = {.length = 0};
    gb_put(&line, how);
    gb_put_code(&line, code - back);
    gb_write_line(&line);
}

static const char *const sure = "greenlets: at ", *const unsure = "greenlets: at ? ";

// Whether a call stands before an address.
static bool follows_call(uintptr_t code) {
    if (!gb_module(code)) return false;
#if defined(__x86_64__)
    uint8_t before[7];
    if (!gb_peek(code - sizeof before, before, sizeof before, false)) return false;
    if (before[2] == 0xe8) return true;
    // Through a register or memory: FF /2, with nothing, an index byte and a displacement behind it.
    static const uint8_t lengths[] = {2, 3, 4, 6, 7};
    for (size_t i = 0; i < sizeof lengths; i++) {
        const uint8_t *call = before + sizeof before - lengths[i];
        if (call[0] == 0xff && (call[1] >> 3 & 7) == 2) return true;
    }
    return false;
#else
    uint32_t before;
    if (!gb_peek(code - sizeof before, &before, sizeof before, false)) return false;
    return (before & 0xfc000000) == 0x94000000 || (before & 0xfefff000) == 0xd63f0000;
#endif
}

// What looks like return addresses between the stack pointer and the first frame. Code without frame
// pointers leaves them there: abort does, and the one who called it would go untold. Some may be of
// calls that have ended.
static void tell_hidden(const struct gb_walk *walk, struct gb_registers at, bool has_frame) {
    enum { hidden_max = 12 };
    uintptr_t word = (at.sp > walk->lowest ? at.sp : walk->lowest) & ~(uintptr_t)7;
    uintptr_t end = has_frame ? walk->frame : word + 1024;
    if (end > word + near_bytes) end = word + near_bytes;
    if (end > walk->top) end = walk->top;
    if (at.link && follows_call(at.link)) tell_call(unsure, at.link, 1);
    for (unsigned count = 0; word < end && count < hidden_max; word += 8) {
        uintptr_t code;
        if (!gb_peek(word, &code, 8, walk->is_known)) return;
        if (follows_call(code)) {
            tell_call(unsure, code, 1);
            count++;
        }
    }
}

void gb_tell_calls(struct gb_registers at, const gb_guarded *stack, unsigned inner,
                   unsigned outer) {
    enum { outer_max = 16 };
    uintptr_t last[outer_max];
    struct gb_walk walk;
    if (outer > outer_max) outer = outer_max;
    bool has_frame = gb_walk_begin(&walk, at, stack);
    tell_call(sure, at.ip, 0);
    struct frame first = {0, 0};
    if (has_frame) read_frame(&walk, walk.frame, &first);
    uintptr_t called = at.link;
    if (!gb_module(at.ip)) {
        // Called through a wrong pointer: the call has left its return address, and nothing else.
        if (!called && !gb_peek(at.sp, &called, 8, stack)) called = 0;
        if (follows_call(called)) tell_call(sure, called, 1);
    } else if (walk.guessed || gb_module(first.code) != gb_module(at.ip)) {
        tell_hidden(&walk, at, has_frame);
    }
    if (!has_frame) return;
    unsigned long count = 1;
    for (uintptr_t code; (walk.is_known || count < unknown_max) && (code = gb_walk_next(&walk)) &&
                         gb_module(code);
         count++) {
        if (count < inner) tell_call(sure, code, 1);
        else last[(count - inner) % outer] = code;
    }
    if (count <= inner) return;
    unsigned long left = count - inner;
    if (left > outer) {
        struct gb_line line = {.length = 0};
        gb_put(&line, "greenlets: at ... ");
        gb_put_number(&line, left - outer, 10);
        gb_put(&line, " more");
        gb_write_line(&line);
    }
    for (unsigned long i = left > outer ? left - outer : 0; i < left; i++)
        tell_call(sure, last[i % outer], 1);
}
