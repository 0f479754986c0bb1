// x86_64, System V ABI: the inlined switch.
#ifndef CSWITCH_H
#error "include CSwitch.h"
#endif

// ymm16 to ymm31 and the mask registers exist only where AVX-512 may be used.
#if defined(__AVX512F__)
#define GB_CLOBBER_AVX512                                                                    \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24",       \
        "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2",     \
        "k3", "k4", "k5", "k6", "k7"
#else
#define GB_CLOBBER_AVX512
#endif

// All but r15, which the switch of a pair keeps, rbp and rsp. LLVM uses rbx as a base pointer in
// some functions, but not in one that says it is lost.
#define GB_CLOBBER_MOST                                                                      \
    "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "xmm0", "xmm1",      \
        "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",    \
        "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)",        \
        "st(5)", "st(6)", "st(7)", "memory", "cc" GB_CLOBBER_AVX512

// r12 is where Swift returns an error, and zero while there is none. A function that copies its result
// in its last call (memcpy, as a jump) does not set r12 again before: LLVM forgets that this asm lost
// it. So whoever arrives finds no error there.
#define GB_NO_ERROR "xorl    %%r12d, %%r12d\n\t"

/// Is not called.
void gb_never(void) __attribute__((cold, noreturn));

/// Saves the running context in `from` and continues `to`, handing it a word in a register.
///
/// All that lies below the stack pointer is dead: the call that never happens keeps the compiler from
/// using a red zone there, so who copies a suspended stack need not copy it.
/// @param from  Written. Must stay valid until the switch back.
/// @param to    Read. From gb_context_init, or written by an earlier switch; used once.
/// @param word  Passed on.
/// @return `from` and the word of the one who switched back, as that one had them in registers: a
/// caller that goes on with them need not wait for a load from its own stack.
static inline __attribute__((always_inline)) gb_arrival
gb_switch(gb_context *from, gb_context *to, uintptr_t word) {
    __asm__ volatile goto(
        "leaq    1f(%%rip), %%rax\n\t"
        "movq    %%rsp, (%%rdi)\n\t"
        "movq    %%rax, 8(%%rdi)\n\t"
        "movq    %%rbp, 16(%%rdi)\n\t"
        "movq    16(%%rsi), %%rbp\n\t"
        "movq    (%%rsi), %%rsp\n\t"
        "jmpq    *8(%%rsi)\n\t"
        "1:\n\t" GB_NO_ERROR
        : "+D"(from), "+S"(to), "+d"(word)
        :
        : "r15", GB_CLOBBER_MOST
        : never);
    return (gb_arrival){to, word};
never:
    gb_never();
}

// The running side of a pair is exchanged with the saved one. SAVE stores rsp and a tag, and RESTORE
// sets rsp to rax without its tag.
//
// Both sides keep the pair's address in r15, so r15 is the same before and after and nobody has to
// load it: a pair that is switched to and fro waits for no pointer from memory.
#define GB_PAIR_SWITCH(pair, word, tag, SAVE, RESTORE)                                       \
    register gb_pair *p __asm__("r15") = pair;                                               \
    uintptr_t t = tag;                                                                       \
    __asm__ volatile(                                                                        \
        "movq    (%%r15), %%rax\n\t"                                                         \
        "movq    8(%%r15), %%rcx\n\t"                                                        \
        "movq    16(%%r15), %%rdi\n\t"                                                       \
        "leaq    1f(%%rip), %%r8\n\t" SAVE                                                   \
        "movq    %%r8, 8(%%r15)\n\t"                                                         \
        "movq    %%rbp, 16(%%r15)\n\t"                                                       \
        "movq    %%rdi, %%rbp\n\t" RESTORE                                                   \
        "jmpq    *%%rcx\n\t"                                                                 \
        "1:\n\t" GB_NO_ERROR                                                                 \
        : "+d"(word), "+S"(t)                                                                \
        : "r"(p)                                                                             \
        : "rdi", GB_CLOBBER_MOST)

#define GB_PAIR_ENTER(pair, word)                                                            \
    GB_PAIR_SWITCH(pair, word, gb_pair_running,                                              \
                   "leaq 1(%%rsp), %%r9\n\tmovq %%r9, (%%r15)\n\t", "movq %%rax, %%rsp\n\t")
#define GB_PAIR_SUSPEND(pair, word)                                                          \
    GB_PAIR_SWITCH(pair, word, gb_pair_suspended, "movq %%rsp, (%%r15)\n\t",                 \
                   "leaq -1(%%rax), %%rsp\n\t")
#define GB_PAIR_FINISH(pair, word)                                                           \
    GB_PAIR_SWITCH(pair, word, gb_pair_finished,                                             \
                   "leaq 2(%%rsp), %%r9\n\tmovq %%r9, (%%r15)\n\t", "leaq -1(%%rax), %%rsp\n\t")
#define GB_PAIR_EXCHANGE(pair, word, tag)                                                    \
    GB_PAIR_SWITCH(pair, word, tag, "addq %%rsp, %%rsi\n\tmovq %%rsi, (%%r15)\n\t",          \
                   "andq $-8, %%rax\n\tmovq %%rax, %%rsp\n\t")
