// AArch64, AAPCS64: the inlined switch.
#ifndef CSWITCH_H
#error "include CSwitch.h"
#endif

// x21 is where Swift returns an error, and zero while there is none. A function that copies its result
// in its last call (memcpy, as a jump) does not set x21 again before: LLVM forgets that this asm lost
// it. So whoever arrives finds no error there.
#define GB_NO_ERROR "mov     x21, #0\n\t"

/// Saves the running context in `from` and continues `to`, handing it a word in a register.
///
/// x18 is the platform's own register on Darwin and is left alone; a compiler that uses it as a
/// scratch register (Linux) is told so.
/// @param from  Written. Must stay valid until the switch back.
/// @param to    Read. From gb_context_init, or written by an earlier switch; used once.
/// @param word  Passed on.
/// @return `from` and the word of the one who switched back, as that one had them in registers.
static inline __attribute__((always_inline)) gb_arrival
gb_switch(gb_context *from, gb_context *to, uintptr_t word) {
    register gb_context *f __asm__("x0") = from;
    register gb_context *t __asm__("x1") = to;
    register uintptr_t w __asm__("x2") = word;
    __asm__ volatile(
        "adr     x4, 1f\n\t"
        "mov     x3, sp\n\t"
        "stp     x3, x4, [x0]\n\t"
        "stp     x29, x19, [x0, #16]\n\t"
        "ldp     x29, x19, [x1, #16]\n\t"
        "ldp     x3, x4, [x1]\n\t"
        "mov     sp, x3\n\t"
        "br      x4\n\t"
        "1:\n\t" GB_NO_ERROR
        : "+r"(f), "+r"(t), "+r"(w)
        :
        : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
          "x15", "x16", "x17",
#if !defined(__APPLE__)
          "x18",
#endif
          "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2",
          "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
          "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27",
          "v28", "v29", "v30", "v31", "memory", "cc");
    return (gb_arrival){t, w};
}

#if defined(__APPLE__)
#define GB_CLOBBER_X18
#else
#define GB_CLOBBER_X18 "x18",
#endif

// The running side of a pair is exchanged with the saved one; the saved stack pointer carries TAG.
//
// Both sides keep the pair's address in x20, so x20 is the same before and after and nobody has to
// load it: a pair that is switched to and fro waits for no pointer from memory.
#define GB_PAIR_EXCHANGE(pair, word, tag)                                                    \
    register gb_pair *p __asm__("x20") = pair;                                               \
    register uintptr_t w __asm__("x2") = word;                                               \
    register uintptr_t t __asm__("x5") = tag;                                                \
    __asm__ volatile(                                                                        \
        "ldp     x6, x7, [x20]\n\t"                                                          \
        "ldp     x8, x9, [x20, #16]\n\t"                                                     \
        "adr     x4, 1f\n\t"                                                                 \
        "mov     x3, sp\n\t"                                                                 \
        "add     x3, x3, x5\n\t"                                                             \
        "stp     x3, x4, [x20]\n\t"                                                          \
        "stp     x29, x19, [x20, #16]\n\t"                                                   \
        "and     x6, x6, #-8\n\t"                                                            \
        "mov     x29, x8\n\t"                                                                \
        "mov     x19, x9\n\t"                                                                \
        "mov     sp, x6\n\t"                                                                 \
        "br      x7\n\t"                                                                     \
        "1:\n\t" GB_NO_ERROR                                                                 \
        : "+r"(w), "+r"(t)                                                                   \
        : "r"(p)                                                                             \
        : "x0", "x1", "x3", "x4", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", \
          "x15", "x16", "x17", GB_CLOBBER_X18 "x21", "x22", "x23", "x24", "x25", "x26",      \
          "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9",   \
          "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20",       \
          "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31",       \
          "memory", "cc");                                                                   \
    word = w

#define GB_PAIR_ENTER(pair, word) GB_PAIR_EXCHANGE(pair, word, gb_pair_running)
#define GB_PAIR_SUSPEND(pair, word) GB_PAIR_EXCHANGE(pair, word, gb_pair_suspended)
#define GB_PAIR_FINISH(pair, word) GB_PAIR_EXCHANGE(pair, word, gb_pair_finished)
