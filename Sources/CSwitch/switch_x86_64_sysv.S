// x86_64, System V ABI (Linux and macOS): the first frame of a context, and the switch as a call.
//
//   A context that gb_context_init made:      A context left by gb_switch_outofline:
//
//   top (16-byte aligned)                     ~ frames of its callers ~
//   +----------------------+                  +----------------------+
//   | 0, 0 (end of frames) |  +16             | return address = ip  |  +48
//   +----------------------+                  | rbp rbx r12 - r15    |    0 <- sp
//   | argument             |  +8              +----------------------+
//   | entry                |   0 <- sp
//   +----------------------+                  ip is 2f in gb_switch_outofline, which pops.
//
//   ip = gb_start, fp = 0: the frame-pointer chain ends here.

#if defined(__x86_64__) && !defined(_WIN32)

#if defined(__APPLE__)
#define SYMBOL(name) _##name
#else
#define SYMBOL(name) name
#endif

        .text

// void gb_context_init(gb_context * /* rdi */, void *top /* rsi */, gb_entry /* rdx */,
//                      void *argument /* rcx */)
        .globl SYMBOL(gb_context_init)
        .p2align 4
SYMBOL(gb_context_init):
        .cfi_startproc
        andq    $-16, %rsi
        movq    $0, -8(%rsi)
        movq    $0, -16(%rsi)
        movq    %rcx, -24(%rsi)         // argument
        movq    %rdx, -32(%rsi)         // entry
        leaq    -32(%rsi), %rax
        movq    %rax, (%rdi)            // sp
        leaq    gb_start(%rip), %rax
        movq    %rax, 8(%rdi)           // ip
        movq    $0, 16(%rdi)            // fp
        movq    $0, 24(%rdi)            // bx
        ret
        .cfi_endproc

// uintptr_t gb_switch_outofline(gb_context *from /* rdi */, gb_context *to /* rsi */,
//                               uintptr_t word /* rdx */)
        .globl SYMBOL(gb_switch_outofline)
        .p2align 4
SYMBOL(gb_switch_outofline):
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        leaq    2f(%rip), %rax
        movq    %rsp, (%rdi)
        movq    %rax, 8(%rdi)
        movq    %rbp, 16(%rdi)
        movq    %rbx, 24(%rdi)
        movq    16(%rsi), %rbp
        movq    24(%rsi), %rbx
        movq    (%rsi), %rsp
        jmpq    *8(%rsi)
2:      movq    %rdx, %rax              // the word that was handed over
        popq    %r15
        .cfi_adjust_cfa_offset -8
        popq    %r14
        .cfi_adjust_cfa_offset -8
        popq    %r13
        .cfi_adjust_cfa_offset -8
        popq    %r12
        .cfi_adjust_cfa_offset -8
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc

// The first frame of a context. It has no caller, so unwinding stops here.
        .p2align 4
gb_start:
        .cfi_startproc
        .cfi_undefined rip
        popq    %rax                    // entry
        popq    %rdi                    // argument; the stack pointer is 16-byte aligned now
        movq    %rdx, %rsi              // the word that was handed over
        xorl    %ebp, %ebp
        // The first frames save these: zeros take no room where frames are packed.
        xorl    %ebx, %ebx
        xorl    %r12d, %r12d
        xorl    %r13d, %r13d
        xorl    %r14d, %r14d
        xorl    %r15d, %r15d
        callq   *%rax
        ud2                             // entry must not return
        .cfi_endproc

#endif

// Outside the guard: a file without this note asks for an executable stack, even when it is empty.
#if defined(__linux__)
        .section .note.GNU-stack, "", %progbits
#endif
