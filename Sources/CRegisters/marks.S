// A call around which every callee-saved register holds a mark: no compiler can write that.
//
// void gb_call_marked(void (*function)(void *), void *argument, const uint64_t *marks,
//                  uint64_t *found, const uint64_t *damage)
//
// Loads the callee-saved registers from `marks`, calls `function(argument)`, flips the bits that
// `damage` says (none, but in a self-check), and stores what the registers hold into `found`. The
// order of the words is that of `register_names` in walk.c.

        .text
        .globl  gb_call_marked

#if defined(__x86_64__)

        .p2align 4
gb_call_marked:
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        pushq   %rcx                    // found
        pushq   %r8                     // damage
        subq    $8, %rsp
        movq    %rdi, %rax
        movq    %rsi, %rdi
        movq    (%rdx), %rbx
        movq    8(%rdx), %rbp
        movq    16(%rdx), %r12
        movq    24(%rdx), %r13
        movq    32(%rdx), %r14
        movq    40(%rdx), %r15
        callq   *%rax
        addq    $8, %rsp
        popq    %r8
        popq    %rcx
        xorq    (%r8), %rbx
        xorq    8(%r8), %rbp
        xorq    16(%r8), %r12
        xorq    24(%r8), %r13
        xorq    32(%r8), %r14
        xorq    40(%r8), %r15
        movq    %rbx, (%rcx)
        movq    %rbp, 8(%rcx)
        movq    %r12, 16(%rcx)
        movq    %r13, 24(%rcx)
        movq    %r14, 32(%rcx)
        movq    %r15, 40(%rcx)
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret

#elif defined(__aarch64__)

        .macro  flip register, place
        ldr     x9, [x4, #\place]
        eor     \register, \register, x9
        .endm

        .macro  flip_double register, place
        ldr     x9, [x4, #\place]
        fmov    x10, \register
        eor     x10, x10, x9
        fmov    \register, x10
        .endm

        .p2align 2
gb_call_marked:
        stp     x29, x30, [sp, #-176]!
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        stp     x3, x4, [sp, #160]      // found, damage
        mov     x9, x0
        mov     x0, x1
        ldp     x19, x20, [x2]
        ldp     x21, x22, [x2, #16]
        ldp     x23, x24, [x2, #32]
        ldp     x25, x26, [x2, #48]
        ldp     x27, x28, [x2, #64]
        ldr     x29, [x2, #80]
        ldp     d8, d9, [x2, #88]
        ldp     d10, d11, [x2, #104]
        ldp     d12, d13, [x2, #120]
        ldp     d14, d15, [x2, #136]
        blr     x9
        ldp     x3, x4, [sp, #160]
        flip    x19, 0
        flip    x20, 8
        flip    x21, 16
        flip    x22, 24
        flip    x23, 32
        flip    x24, 40
        flip    x25, 48
        flip    x26, 56
        flip    x27, 64
        flip    x28, 72
        flip    x29, 80
        flip_double d8, 88
        flip_double d9, 96
        flip_double d10, 104
        flip_double d11, 112
        flip_double d12, 120
        flip_double d13, 128
        flip_double d14, 136
        flip_double d15, 144
        stp     x19, x20, [x3]
        stp     x21, x22, [x3, #16]
        stp     x23, x24, [x3, #32]
        stp     x25, x26, [x3, #48]
        stp     x27, x28, [x3, #64]
        str     x29, [x3, #80]
        stp     d8, d9, [x3, #88]
        stp     d10, d11, [x3, #104]
        stp     d12, d13, [x3, #120]
        stp     d14, d15, [x3, #136]
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        ldp     x29, x30, [sp], #176
        ret

#else
#error "no gb_call_marked for this machine: write it, and say its registers in machine.h"
#endif

        .section .note.GNU-stack, "", %progbits
