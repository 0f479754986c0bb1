// AArch64, AAPCS64 (Linux and macOS): the first frame of a context, and the switch as a call.
//
//   A context that gb_context_init made:      A context left by gb_switch_outofline:
//
//   top (16-byte aligned)                     ~ frames of its callers ~
//   +----------------------+                  +----------------------+
//   | entry, argument      |   0 <- sp        | x29, x30             | +144
//   +----------------------+                  | x19 - x28            |  +64
//                                             | d8 - d15             |    0 <- sp
//   ip = gb_start, fp = 0                     +----------------------+  ip = 2f, which pops.

#if defined(__aarch64__)

#if defined(__APPLE__)
#define SYMBOL(name) _##name
#else
#define SYMBOL(name) name
#endif

        .text

// void gb_context_init(gb_context * /* x0 */, void *top /* x1 */, gb_entry /* x2 */,
//                      void *argument /* x3 */)
        .globl SYMBOL(gb_context_init)
        .p2align 2
SYMBOL(gb_context_init):
        .cfi_startproc
        and     x1, x1, #-16
        stp     x2, x3, [x1, #-16]!     // entry, argument
        adr     x9, gb_start
        stp     x1, x9, [x0]            // sp, ip
        stp     xzr, xzr, [x0, #16]     // fp: 0 ends the frame chain, bx
        ret
        .cfi_endproc

// uintptr_t gb_switch_outofline(gb_context *from /* x0 */, gb_context *to /* x1 */,
//                               uintptr_t word /* x2 */)
        .globl SYMBOL(gb_switch_outofline)
        .p2align 2
SYMBOL(gb_switch_outofline):
        .cfi_startproc
        sub     sp, sp, #160
        .cfi_adjust_cfa_offset 160
        stp     d8, d9, [sp]
        stp     d10, d11, [sp, #16]
        stp     d12, d13, [sp, #32]
        stp     d14, d15, [sp, #48]
        stp     x19, x20, [sp, #64]
        stp     x21, x22, [sp, #80]
        stp     x23, x24, [sp, #96]
        stp     x25, x26, [sp, #112]
        stp     x27, x28, [sp, #128]
        stp     x29, x30, [sp, #144]
        adr     x9, 2f
        mov     x10, sp
        stp     x10, x9, [x0]
        stp     x29, x19, [x0, #16]
        ldp     x29, x19, [x1, #16]
        ldp     x10, x9, [x1]
        mov     sp, x10
        br      x9
2:      mov     x0, x2                  // the word that was handed over
        ldp     d8, d9, [sp]
        ldp     d10, d11, [sp, #16]
        ldp     d12, d13, [sp, #32]
        ldp     d14, d15, [sp, #48]
        ldp     x19, x20, [sp, #64]
        ldp     x21, x22, [sp, #80]
        ldp     x23, x24, [sp, #96]
        ldp     x25, x26, [sp, #112]
        ldp     x27, x28, [sp, #128]
        ldp     x29, x30, [sp, #144]
        add     sp, sp, #160
        .cfi_adjust_cfa_offset -160
        ret
        .cfi_endproc

// The first frame of a context. It has no caller, so unwinding stops here.
        .p2align 2
gb_start:
        .cfi_startproc
        .cfi_undefined x30
        ldp     x9, x0, [sp], #16       // entry, argument
        mov     x1, x2                  // the word that was handed over
        mov     x29, xzr
        mov     x30, xzr
        // The first frames save these: zeros take no room where frames are packed.
        mov     x19, xzr
        mov     x20, xzr
        mov     x21, xzr
        mov     x22, xzr
        mov     x23, xzr
        mov     x24, xzr
        mov     x25, xzr
        mov     x26, xzr
        mov     x27, xzr
        mov     x28, xzr
        blr     x9
        brk     #0x6b                   // entry must not return
        .cfi_endproc

#endif

// Outside the guard: a file without this note asks for an executable stack, even when it is empty.
#if defined(__linux__)
        .section .note.GNU-stack, "", %progbits
#endif
