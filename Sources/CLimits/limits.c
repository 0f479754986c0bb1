// The physical limit of a switch and of a spawn, as bare loops around inlined assembly.
#include "CLimits.h"

#include <stdint.h>
#include <stdlib.h>

enum { stack_size = 65536 };
static _Thread_local _Alignas(64) char stack[stack_size];

#if defined(__x86_64__)

// All but the registers that the assembly keeps itself is clobbered, so only live values are saved.
#define CLOBBERED                                                                                 \
    "rax", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2",   \
        "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",        \
        "xmm13", "xmm14", "xmm15", "memory", "cc"

struct bare {
    void *sp, *ip, *fp;
};

static inline __attribute__((always_inline)) void jump(struct bare *from, struct bare *to) {
    __asm__ volatile(
        "leaq 1f(%%rip), %%rax\n\t"
        "movq %%rsp, (%%rdi)\n\t"
        "movq %%rax, 8(%%rdi)\n\t"
        "movq %%rbp, 16(%%rdi)\n\t"
        "movq (%%rsi), %%rsp\n\t"
        "movq 16(%%rsi), %%rbp\n\t"
        "jmpq *8(%%rsi)\n"
        "1:\n\t"
        : "+D"(from), "+S"(to)::"rbx", "rdx", CLOBBERED);
}

static _Thread_local long yields;

// The resumer calls through the saved stack pointer; the coroutine pops the resumer's address by a
// return, so that the return predictor is right both ways.
static inline __attribute__((always_inline)) void resume(void **saved) {
    __asm__ volatile(
        "pushq %%rbp\n\t"
        "pushq %%rbx\n\t"
        "leaq -8(%%rsp), %%rdx\n\t"
        "movq (%%rdi), %%rsi\n\t"
        "callq *(%%rsi)\n\t"
        "popq %%rbx\n\t"
        "popq %%rbp\n\t"
        : "+D"(saved)::"rsi", "rdx", CLOBBERED);
}

static _Thread_local void *saved, *link;

// On arrival: rsi is this context's saved stack pointer, rdx the resumer's stack pointer at the
// return address of its call.
static inline __attribute__((always_inline)) void yield(void **place, void **to) {
    __asm__ volatile(
        "pushq %%rbp\n\t"
        "pushq %%rbx\n\t"
        "leaq 1f(%%rip), %%rax\n\t"
        "pushq %%rax\n\t"
        "movq %%rsp, (%%rdi)\n\t"
        "movq (%%rcx), %%rsp\n\t"
        "retq\n"
        "1:\n\t"
        "movq %%rdx, (%%rcx)\n\t"
        "leaq 8(%%rsi), %%rsp\n\t"
        "popq %%rbx\n\t"
        "popq %%rbp\n\t"
        : "+D"(place), "+c"(to)::"rax", "rsi", "rdx", "r8", "r9", "r10", "r11", "r12", "r13",
          "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
          "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}

static __attribute__((noinline, noreturn, used)) void gb_limit_paired_body(void) {
    void **place = &saved, **to = &link;
    long *count = &yields;
    for (;;) {
        ++*count;
        yield(place, to);
    }
}

// The first arrival: keeps the resumer's stack pointer in `link` (its address is on this stack).
__asm__(".text\n"
        ".p2align 4\n"
        "gb_limit_boot:\n\t"
        "leaq 8(%rsi), %rsp\n\t"
        "popq %rcx\n\t"
        "movq %rdx, (%rcx)\n\t"
        "xorl %ebp, %ebp\n\t"
        "callq gb_limit_paired_body\n\t"
        "ud2\n");
extern char gb_limit_boot[];

long gb_limit_paired(long rounds) {
    yields = 0;
    void **top = (void **)(stack + stack_size - 64);
    top[0] = gb_limit_boot;
    top[1] = &link;
    saved = top;
    void **place = &saved;
    for (long round = 0; round < rounds; round++) resume(place);
    return yields;
}

// A pool of stacks, last in first out; what a coroutine is lies in one line at the top of its stack,
// and a finished one waits in its loop for the next body.
struct pooled {
    struct bare context;
    struct pooled *next, *parent;
    long (*run)(struct pooled *self, long first, long second);
    long first, second;
};
enum { pool_stacks = 64, pool_stack_size = 16384 };
static _Thread_local struct pooled *idle, home;
static _Thread_local long result;

static __attribute__((noinline, noreturn, used)) void gb_limit_pooled_body(struct pooled *self) {
    for (;;) {
        result = self->run(self, self->first, self->second);
        jump(&self->context, &self->parent->context);
    }
}

// On the first arrival rsi is the context, which comes first in its coroutine.
__asm__(".text\n"
        ".p2align 4\n"
        "gb_limit_pooled_boot:\n\t"
        "movq %rsi, %rdi\n\t"
        "callq gb_limit_pooled_body\n\t"
        "ud2\n");
extern char gb_limit_pooled_boot[];

static void fill_pool(void) {
    if (idle) return;
    char *memory = malloc((size_t)pool_stacks * pool_stack_size);
    for (int i = 0; memory && i < pool_stacks; i++) {
        // The colours of the tops keep them out of each other's cache sets.
        char *top = memory + (i + 1) * pool_stack_size - 128 - i % 32 * 64;
        struct pooled *one = (struct pooled *)((uintptr_t)top & ~(uintptr_t)63);
        one->context = (struct bare){one, gb_limit_pooled_boot, 0};
        one->next = idle;
        idle = one;
    }
}

static inline __attribute__((always_inline)) long
spawn(struct pooled *parent, long (*run)(struct pooled *, long, long), long first, long second) {
    struct pooled *child = idle;
    idle = child->next;
    child->run = run;
    child->first = first;
    child->second = second;
    child->parent = parent;
    jump(&parent->context, &child->context);
    child->next = idle;
    idle = child;
    return result;
}

static long triple(struct pooled *self, long first, long second) {
    (void)self;
    return first * 3 + second;
}

long gb_limit_spawn(long count) {
    fill_pool();
    struct pooled *self = &home;
    long (*volatile run)(struct pooled *, long, long) = triple;
    long sum = 0;
    for (long index = 0; index < count; index++) sum += spawn(self, run, index, 0);
    return sum;
}

static long skynet(struct pooled *self, long number, long size) {
    if (size == 1) return number;
    long sum = 0, part = size / 10;
    for (int i = 0; i < 10; i++) sum += spawn(self, skynet, number + i * part, part);
    return sum;
}

long gb_limit_skynet(long size) {
    fill_pool();
    return spawn(&home, skynet, 0, size);
}

#endif
