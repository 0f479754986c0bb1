// Signals in thousands: timers whose handlers spoil every register that they may.
#define _GNU_SOURCE
#include "CFaults.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint64_t handled;
static sigset_t usual_mask;

// More of the stack than a red zone has, and all registers that a callee may change.
__attribute__((noinline)) static void spoil(int number) {
    volatile unsigned char frame[1024];
    for (size_t i = 0; i < sizeof frame; i++) frame[i] = (unsigned char)~(i + (size_t)number);
#if defined(__x86_64__)
    uint32_t mxcsr = 0x1f80 | 0xe040;
    uint16_t x87 = 0x0c7f;
    __asm__ volatile(
        "fninit\n\tfldpi\n\tfldcw %1\n\tldmxcsr %0\n\t"
        "pcmpeqd %%xmm0, %%xmm0\n\tpcmpeqd %%xmm1, %%xmm1\n\tpcmpeqd %%xmm2, %%xmm2\n\t"
        "pcmpeqd %%xmm3, %%xmm3\n\tpcmpeqd %%xmm4, %%xmm4\n\tpcmpeqd %%xmm5, %%xmm5\n\t"
        "pcmpeqd %%xmm6, %%xmm6\n\tpcmpeqd %%xmm7, %%xmm7\n\tpcmpeqd %%xmm8, %%xmm8\n\t"
        "pcmpeqd %%xmm9, %%xmm9\n\tpcmpeqd %%xmm10, %%xmm10\n\tpcmpeqd %%xmm11, %%xmm11\n\t"
        "pcmpeqd %%xmm12, %%xmm12\n\tpcmpeqd %%xmm13, %%xmm13\n\tpcmpeqd %%xmm14, %%xmm14\n\t"
        "pcmpeqd %%xmm15, %%xmm15\n\tmovq $-1, %%rax\n\tmovq %%rax, %%rcx\n\t"
        "movq %%rax, %%rdx\n\tmovq %%rax, %%rsi\n\tmovq %%rax, %%rdi\n\t"
        "movq %%rax, %%r8\n\tmovq %%rax, %%r9\n\tmovq %%rax, %%r10\n\tmovq %%rax, %%r11\n\t"
        :
        : "m"(mxcsr), "m"(x87)
        : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2",
          "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
          "xmm13", "xmm14", "xmm15", "st", "memory", "cc");
#elif defined(__aarch64__)
    uint64_t control = 0x00c00000;
    __asm__ volatile(
        "msr fpcr, %0\n\t"
        "movi v0.16b, #255\n\tmovi v1.16b, #255\n\tmovi v2.16b, #255\n\tmovi v3.16b, #255\n\t"
        "movi v4.16b, #255\n\tmovi v5.16b, #255\n\tmovi v6.16b, #255\n\tmovi v7.16b, #255\n\t"
        "movi v16.16b, #255\n\tmovi v17.16b, #255\n\tmovi v18.16b, #255\n\t"
        "mov x9, #-1\n\tmov x10, #-1\n\tmov x11, #-1\n\tmov x12, #-1\n\tmov x13, #-1\n\t"
        "mov x14, #-1\n\tmov x15, #-1\n\tmov x16, #-1\n\tmov x17, #-1\n\t"
        :
        : "r"(control)
        : "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "v0", "v1", "v2", "v3",
          "v4", "v5", "v6", "v7", "v16", "v17", "v18", "memory", "cc");
#endif
}

static void handle(int number) {
    int kept = errno;
    spoil(number);
    handled++;
    errno = kept;
}

uint64_t gb_storm_handled(void) { return handled; }

bool gb_mask_is_usual(void) {
    sigset_t now;
    if (pthread_sigmask(SIG_BLOCK, 0, &now)) return false;
    for (int number = 1; number < 32; number++)
        if (sigismember(&now, number) != sigismember(&usual_mask, number)) return false;
    return true;
}

#if defined(__linux__)
#include <sys/syscall.h>

static const int numbers[] = {SIGALRM, SIGPROF};
static struct sigaction before[2];
static timer_t timers[2];
static char signal_stack[65536];

int gb_storm_begin(const uint64_t every_ns[2], bool on_signal_stack) {
    if (on_signal_stack) {
        stack_t stack;
        if (sigaltstack(0, &stack)) return errno;
        if (stack.ss_flags & SS_DISABLE) {
            stack = (stack_t){.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
            if (sigaltstack(&stack, 0)) return errno;
        }
    }
    if (pthread_sigmask(SIG_BLOCK, 0, &usual_mask)) return errno;
    handled = 0;
    for (int i = 0; i < 2; i++) {
        // Without SA_RESTART: what is interrupted has to go on by itself.
        struct sigaction action = {
            .sa_handler = handle, .sa_flags = on_signal_stack ? SA_ONSTACK : 0};
        sigemptyset(&action.sa_mask);
        if (sigaction(numbers[i], &action, &before[i])) return errno;
        // To this thread and no other: the one that switches.
        struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = numbers[i]};
        event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
        if (timer_create(CLOCK_MONOTONIC, &event, &timers[i])) return errno;
        struct timespec time = {(time_t)(every_ns[i] / 1000000000),
                                (long)(every_ns[i] % 1000000000)};
        struct itimerspec spec = {time, time};
        if (timer_settime(timers[i], 0, &spec, 0)) return errno;
    }
    return 0;
}

void gb_storm_end(void) {
    for (int i = 0; i < 2; i++) {
        timer_delete(timers[i]);
        // One may still be on its way; to ignore it takes it away.
        signal(numbers[i], SIG_IGN);
        sigaction(numbers[i], &before[i], 0);
    }
}
#else
int gb_storm_begin(const uint64_t every_ns[2], bool on_signal_stack) {
    (void)every_ns, (void)on_signal_stack;
    return ENOTSUP;
}

void gb_storm_end(void) {}
#endif
