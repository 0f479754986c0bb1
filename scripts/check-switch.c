// Proves gb_switch without Swift: values, registers, alignment, and a million random switches.
#include "CSwitch.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int passed, failed;

static void expect(int holds, const char *promise) {
    if (holds) {
        passed += 1;
    } else {
        failed += 1;
        printf("FAILED  %s\n", promise);
    }
}

// Two functions that no compiler can write for us.
//
// entry_probe: a first frame that notes its stack pointer and goes on to `body`.
// switch_with_marked_registers: fills every callee-saved register with a value made from `seed`,
// switches out of line, and returns 0 if all of them came back.
extern void entry_probe(void *argument, uintptr_t word);
extern uint64_t switch_with_marked_registers(gb_context *from, gb_context *to, uint64_t seed);
uint64_t entry_stack_pointer;

#if defined(__x86_64__)
#define ENTRY_MISALIGNMENT 8 // as after a call, which pushes eight bytes
__asm__(".pushsection .text\n"
        ".globl entry_probe, switch_with_marked_registers\n"
        "entry_probe:\n"
        "  movq %rsp, entry_stack_pointer(%rip)\n"
        "  jmp body\n"
        "switch_with_marked_registers:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  pushq %rdx\n"
        "  leaq 1(%rdx), %rbp\n  leaq 2(%rdx), %rbx\n  leaq 3(%rdx), %r12\n"
        "  leaq 4(%rdx), %r13\n  leaq 5(%rdx), %r14\n  leaq 6(%rdx), %r15\n"
        "  call gb_switch_outofline\n"
        "  popq %rdx\n"
        "  subq %rdx, %rbp\n  xorq $1, %rbp\n  movq %rbp, %rax\n"
        "  subq %rdx, %rbx\n  xorq $2, %rbx\n  orq %rbx, %rax\n"
        "  subq %rdx, %r12\n  xorq $3, %r12\n  orq %r12, %rax\n"
        "  subq %rdx, %r13\n  xorq $4, %r13\n  orq %r13, %rax\n"
        "  subq %rdx, %r14\n  xorq $5, %r14\n  orq %r14, %rax\n"
        "  subq %rdx, %r15\n  xorq $6, %r15\n  orq %r15, %rax\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".popsection\n");
#elif defined(__aarch64__)
#define ENTRY_MISALIGNMENT 0
#define MARK(n, r) "  add " r ", x2, #" #n "\n"
#define TEST(n, r) "  sub " r ", " r ", x2\n  sub " r ", " r ", #" #n "\n  orr x0, x0, " r "\n"
#define MARK_D(n, r) "  add x9, x2, #" #n "\n  fmov " r ", x9\n"
#define TEST_D(n, r) "  fmov x9, " r "\n" TEST(n, "x9")
#define EACH(X, D)                                                                             \
    X(1, "x19") X(2, "x20") X(3, "x21") X(4, "x22") X(5, "x23") X(6, "x24") X(7, "x25")        \
    X(8, "x26") X(9, "x27") X(10, "x28") X(11, "x29") D(12, "d8") D(13, "d9") D(14, "d10")     \
    D(15, "d11") D(16, "d12") D(17, "d13") D(18, "d14") D(19, "d15")
__asm__(".pushsection .text\n"
        ".globl entry_probe, switch_with_marked_registers\n"
        ".p2align 2\n"
        "entry_probe:\n"
        "  adrp x9, entry_stack_pointer\n"
        "  mov x10, sp\n"
        "  str x10, [x9, #:lo12:entry_stack_pointer]\n"
        "  b body\n"
        "switch_with_marked_registers:\n"
        "  stp x29, x30, [sp, #-176]!\n"
        "  stp x19, x20, [sp, #16]\n  stp x21, x22, [sp, #32]\n  stp x23, x24, [sp, #48]\n"
        "  stp x25, x26, [sp, #64]\n  stp x27, x28, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n"
        "  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
        "  str x2, [sp, #160]\n"
        EACH(MARK, MARK_D)
        "  bl gb_switch_outofline\n"
        "  ldr x2, [sp, #160]\n"
        "  mov x0, #0\n"
        EACH(TEST, TEST_D)
        "  ldp x19, x20, [sp, #16]\n  ldp x21, x22, [sp, #32]\n  ldp x23, x24, [sp, #48]\n"
        "  ldp x25, x26, [sp, #64]\n  ldp x27, x28, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n"
        "  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
        "  ldp x29, x30, [sp], #176\n"
        "  ret\n"
        ".popsection\n");
#else
#error "check-switch.c knows no such machine; add its two assembly functions"
#endif

enum { STACK_BYTES = 65536, CONTEXTS = 8, SWITCHES = 1000000, ROUNDS = 1000 };
static _Alignas(64) char stacks[CONTEXTS][STACK_BYTES];

static gb_context outside, inside;

// What the first context works on.
static int rounds;
static uint64_t inside_damage;

// Switches by the inlined form with more values alive than there are registers. Nothing is called
// in between, so that the small array may lie in the red zone. Returns 0 if all came back.
__attribute__((noinline)) static uint64_t switch_with_live_values(
    gb_context *from, gb_context *to, uint64_t seed) {
    volatile uint64_t small[6];
    for (int i = 0; i < 6; i++) small[i] = seed ^ (uint64_t)i;
    uint64_t a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11, e = seed * 13;
    uint64_t f = seed * 17, g = seed * 19, h = seed * 23, i = seed * 29, j = seed * 31;
    double s = (double)(uint32_t)seed, t = s * 2, u = s * 4, v = s * 8, w = s + 1, x = s + 2;
    double y = s + 3, z = s + 4, o = s + 5, p = s + 6;
    // The compiler may not compute these anew after the switch: it loses sight of where they
    // come from here.
    __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
    __asm__ volatile("" : "+r"(f), "+r"(g), "+r"(h), "+r"(i), "+r"(j));
#if defined(__x86_64__)
    __asm__ volatile("" : "+x"(s), "+x"(t), "+x"(u), "+x"(v), "+x"(w));
    __asm__ volatile("" : "+x"(x), "+x"(y), "+x"(z), "+x"(o), "+x"(p));
#else
    __asm__ volatile("" : "+w"(s), "+w"(t), "+w"(u), "+w"(v), "+w"(w));
    __asm__ volatile("" : "+w"(x), "+w"(y), "+w"(z), "+w"(o), "+w"(p));
#endif
    uint64_t damage = gb_switch(from, to, 0).own != from;
    damage |= a ^ seed * 3; damage |= b ^ seed * 5; damage |= c ^ seed * 7;
    damage |= d ^ seed * 11; damage |= e ^ seed * 13; damage |= f ^ seed * 17;
    damage |= g ^ seed * 19; damage |= h ^ seed * 23; damage |= i ^ seed * 29;
    damage |= j ^ seed * 31;
    double first = (double)(uint32_t)seed;
    damage |= s != first || t != first * 2 || u != first * 4 || v != first * 8;
    damage |= w != first + 1 || x != first + 2 || y != first + 3 || z != first + 4;
    damage |= o != first + 5 || p != first + 6;
    for (int k = 0; k < 6; k++) damage |= small[k] ^ seed ^ (uint64_t)k;
    return damage;
}

// Goes on from entry_probe, on a stack of its own, and never returns.
__attribute__((used)) void body(void *argument, uintptr_t word) {
    (void)word;
    int *counter = argument;
    double kept = 1;
    for (;;) {
        *counter += 1;
        kept += 0.5;
        uint64_t seed = 0x9e3779b97f4a7c15u * (uint64_t)*counter;
        if (*counter % 2 == 0) {
            inside_damage |= switch_with_marked_registers(&inside, &outside, seed);
        } else {
            inside_damage |= switch_with_live_values(&inside, &outside, seed);
        }
        inside_damage |= kept != 1 + 0.5 * *counter;
    }
}

static void check_registers_and_values(void) {
    uint64_t outside_damage = 0;
    int counted = 1;
    rounds = 0;
    gb_context_init(&inside, stacks[0] + STACK_BYTES, entry_probe, &rounds);
    for (int i = 1; i <= ROUNDS; i++) {
        uint64_t seed = 0xc2b2ae3d27d4eb4fu * (uint64_t)i;
        // All four pairs of forms meet: inside changes its form every round, outside every other.
        if (i / 2 % 2 == 0) {
            outside_damage |= switch_with_marked_registers(&outside, &inside, seed);
        } else {
            outside_damage |= switch_with_live_values(&outside, &inside, seed);
        }
        counted &= rounds == i;
    }
    expect(counted, "the argument arrives, and every switch arrives once");
    expect(outside_damage == 0, "registers and values outside survive a switch");
    expect(inside_damage == 0, "registers and values inside survive a switch");
}

// Whatever the top given, the entry finds the alignment that the ABI promises to a function, and
// stays below the top.
static void check_alignment(void) {
    int aligned = 1, below = 1;
    for (int offset = 0; offset < 32; offset++) {
        char *top = stacks[1] + STACK_BYTES - offset;
        int counter = 0;
        gb_context_init(&inside, top, entry_probe, &counter);
        gb_switch_outofline(&outside, &inside, 0);
        aligned &= counter == 1 && entry_stack_pointer % 16 == ENTRY_MISALIGNMENT;
        below &= entry_stack_pointer <= (uint64_t)top;
    }
    expect(aligned, "the stack is aligned to 16 bytes at the entry");
    expect(below, "the first frame lies below the top of the stack");
}

// The random walk: every context makes the next step of the same generator, mixes what it keeps
// on its own stack into the checksum, and goes where the generator says.
static gb_context walkers[CONTEXTS];
static uint64_t state, checksum, handed;
static int lost_words;
static int steps;

static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t mix(uint64_t sum, int self, uint64_t visits, double half) {
    return (sum ^ (uint64_t)self) * 0x100000001b3u + visits * 31 + (uint64_t)(half * 2);
}

static void walk(void *argument, uintptr_t word) {
    lost_words += steps != 0 && word != handed;
    int self = (int)(intptr_t)argument;
    uint64_t visits = 0;
    double half = 0;
    for (;;) {
        visits += 1;
        half += 0.5;
        checksum = mix(checksum, self, visits, half);
        if (steps == SWITCHES) {
            gb_switch(&walkers[self], &outside, 0);
            continue;
        }
        steps += 1;
        uint64_t random = next_random();
        int other = (self + 1 + (int)(random % (CONTEXTS - 1))) % CONTEXTS;
        handed = random;
        if (random >> 60 & 1) {
            lost_words += gb_switch_outofline(&walkers[self], &walkers[other], random) != handed;
        } else {
            gb_arrival arrival = gb_switch(&walkers[self], &walkers[other], random);
            lost_words += arrival.word != handed || arrival.own != &walkers[self];
        }
    }
}

// The same walk as a loop, without a switch.
static uint64_t expected_checksum(void) {
    uint64_t visits[CONTEXTS] = {0}, sum = 0;
    int self = 0;
    state = 88172645463325252u;
    for (int step = 0;; step++) {
        visits[self] += 1;
        sum = mix(sum, self, visits[self], 0.5 * (double)visits[self]);
        if (step == SWITCHES) return sum;
        self = (self + 1 + (int)(next_random() % (CONTEXTS - 1))) % CONTEXTS;
    }
}

static void check_random_walk(void) {
    uint64_t expected = expected_checksum();
    state = 88172645463325252u;
    for (int i = 0; i < CONTEXTS; i++) {
        memset(stacks[i], 0xa5, STACK_BYTES);
        gb_context_init(&walkers[i], stacks[i] + STACK_BYTES, walk, (void *)(intptr_t)i);
    }
    gb_switch(&outside, &walkers[0], 0);
    expect(steps == SWITCHES, "a million random switches come to their end");
    expect(lost_words == 0, "every switch hands its word over, and says who arrives");
    expect(checksum == expected, "the random walk has the checksum of the same walk as a loop");

    int untouched = 1;
    for (int i = 0; i < CONTEXTS; i++) {
        for (int k = 0; k < STACK_BYTES / 2; k++) untouched &= stacks[i][k] == (char)0xa5;
    }
    expect(untouched, "no stack grows while its context switches");
}

int main(void) {
    check_registers_and_values();
    check_alignment();
    check_random_walk();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
