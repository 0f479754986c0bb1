// AArch64, AAPCS64: the inlined switch.
#ifndef CSWITCH_H
#error "include CSwitch.h"
#endif

/// Saves the running context in `from` and continues `to`.
///
/// x18 is the platform's own register on Darwin and is left alone; a compiler that uses it as a
/// scratch register (Linux) is told so.
/// @param from  Written. Must stay valid until the switch back.
/// @param to    Read. From gb_context_init, or written by an earlier switch; used once.
/// @return `from`, as the one who switched back had it in a register.
static inline __attribute__((always_inline)) gb_context *
gb_switch(gb_context *from, gb_context *to) {
    register gb_context *f __asm__("x0") = from;
    register gb_context *t __asm__("x1") = to;
    __asm__ volatile(
        "adr     x2, 1f\n\t"
        "mov     x3, sp\n\t"
        "stp     x3, x2, [x0]\n\t"
        "stp     x29, x19, [x0, #16]\n\t"
        "ldp     x29, x19, [x1, #16]\n\t"
        "ldp     x3, x2, [x1]\n\t"
        "mov     sp, x3\n\t"
        "br      x2\n\t"
        "1:\n\t"
        : "+r"(f), "+r"(t)
        :
        : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
          "x15", "x16", "x17",
#if !defined(__APPLE__)
          "x18",
#endif
          "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2",
          "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
          "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27",
          "v28", "v29", "v30", "v31", "memory", "cc");
    return t;
}
