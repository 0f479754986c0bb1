// Faults on purpose, for the proof that they are reported as what they are.
#define _GNU_SOURCE
#include "CFaults.h"

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

int gb_fork(void) { return fork(); }

#if defined(__linux__)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

int gb_refuse_guard_pages(void) {
    enum { madvise_guard_install = 102, madvise_guard_remove = 103 };
    // The system call's number lies at 0 of what a filter sees, the third argument's low half at 32.
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 32),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, madvise_guard_install, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, madvise_guard_remove, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) ? errno : 0;
}
#else
int gb_refuse_guard_pages(void) { return 0; }
#endif

// The sum keeps the call from being the last thing that is done, and so from being a loop.
__attribute__((noinline)) int gb_dig(size_t frame_bytes, int depth) {
    volatile char *frame = alloca(frame_bytes);
    frame[0] = (char)depth;
    return depth < 0 ? 0 : gb_dig(frame_bytes, depth + 1) * 31 + frame[0];
}

static void *run(void *act) {
    ((void (*)(void))act)();
    return 0;
}

void gb_on_thread(void (*act)(void)) {
    pthread_t thread;
    if (pthread_create(&thread, 0, run, (void *)act)) abort();
    pthread_join(thread, 0);
}

// Not by a jump: what it does next keeps it a call.
void gb_call(uintptr_t address) {
    static volatile int returned;
    ((void (*)(void))address)();
    returned = 1;
}

size_t gb_call_place(void) {
    Dl_info info;
    return dladdr((void *)gb_call, &info) ? (uintptr_t)gb_call - (uintptr_t)info.dli_fbase : 0;
}

void gb_bus_fault(void) {
    char path[] = "/tmp/overflowsXXXXXX";
    int file = mkstemp(path);
    if (file < 0) abort();
    unlink(path);
    volatile char *page = mmap(0, 4096, PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) abort();
    (void)page[0];
}

static ucontext_t back;
static volatile int jumped;

static void jump(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    jumped = 1;
    setcontext(&back);
}

int gb_jumping(int number, int flags, int count, void (*install_more)(void), void (*act)(void)) {
    volatile int left = 0;
    struct sigaction action = {
        .sa_sigaction = jump, .sa_flags = SA_SIGINFO | SA_ONSTACK | flags};
    sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, 0)) abort();
    install_more();
    for (volatile int i = 0; i < count; i++) {
        jumped = 0;
        getcontext(&back);
        // Reached once more from the handler.
        if (!jumped) act();
        else left++;
    }
    return left;
}

static char *taken;
static size_t taken_bytes;

size_t gb_take_mappings(size_t most, size_t left) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
    taken_bytes = 2 * most * page;
    taken = mmap(0, taken_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (taken == MAP_FAILED) return 0;
    // Each page that may be read splits what may not.
    while (count < most && !mprotect(taken + 2 * count * page, page, PROT_READ)) count++;
    for (size_t i = 0; i < left / 2 && count; i++)
        mprotect(taken + 2 * --count * page, page, PROT_NONE);
    return count;
}

void gb_give_mappings_back(void) { munmap(taken, taken_bytes); }
