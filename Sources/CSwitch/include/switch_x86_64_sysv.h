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

/// Saves the running context in `from` and continues `to`.
///
/// Nothing is pushed, so a caller's red zone stays whole.
/// @param from  Written. Must stay valid until the switch back.
/// @param to    Read. From gb_context_init, or written by an earlier switch; used once.
/// @return `from`, as the one who switched back had it in a register: a caller that goes on with
/// it need not wait for a load from its own stack.
static inline __attribute__((always_inline)) gb_context *
gb_switch(gb_context *from, gb_context *to) {
    __asm__ volatile(
        "leaq    1f(%%rip), %%rax\n\t"
        "movq    %%rsp, (%%rdi)\n\t"
        "movq    %%rax, 8(%%rdi)\n\t"
        "movq    %%rbp, 16(%%rdi)\n\t"
        "movq    %%rbx, 24(%%rdi)\n\t"
        "movq    16(%%rsi), %%rbp\n\t"
        "movq    24(%%rsi), %%rbx\n\t"
        "movq    (%%rsi), %%rsp\n\t"
        "jmpq    *8(%%rsi)\n\t"
        "1:\n\t"
        : "+D"(from), "+S"(to)
        :
        : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0",
          "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
          "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)",
          "st(5)", "st(6)", "st(7)", "memory", "cc" GB_CLOBBER_AVX512);
    return to;
}
