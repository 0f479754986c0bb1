// Proves that a switch keeps every register bit for bit: random patterns before it and after it.
//
// Eight contexts walk at random. Before a switch a context gives a fresh pattern to every
// callee-saved register, to values that live across the switch (integers, doubles, vectors) and to
// the control words; when it is continued it compares. One switch in eight holds no values, so that
// the registers pass through it as the caller left them; those are checked and not counted.
#include "CContexts.h"
#include "CRegisters.h"
#include "CSwitch.h"
#include "machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// How the engine's backends switch. Greenlets switch from any to any and share the control words;
// coroutines are entered and left, and every other one has control words of its own. (The thread
// backend is not here: there the kernel switches.)
enum { INLINED, INLINED_COROUTINE, OUTOFLINE, OUTOFLINE_COROUTINE, UCONTEXT, WAYS = gb_ways };
static const char *const way_names[WAYS] = {
    "inlined", "inlined-coroutine", "outofline", "outofline-coroutine", "ucontext"};

struct words { // that must survive
    uint64_t context; // that was switched to
    uint64_t returned; // by gb_switch: the context that was left
    uint64_t environment;
    uint64_t registers[REGISTERS];
    uint64_t integers[INTEGERS], doubles[DOUBLES], vectors[VECTORS * VECTOR_WORDS];
};
enum {
    WORDS = sizeof(struct words) / 8,
    FIRST_REGISTER = offsetof(struct words, registers) / 8,
    FIRST_INTEGER = offsetof(struct words, integers) / 8,
    FIRST_DOUBLE = offsetof(struct words, doubles) / 8,
    FIRST_VECTOR = offsetof(struct words, vectors) / 8,
};

enum { CONTEXTS = 8, MAIN = CONTEXTS, STACK_BYTES = 65536 };
static _Alignas(64) char stacks[CONTEXTS][STACK_BYTES];

static struct context {
    gb_context inside, outside;
    gb_pair pair;
    gb_float_environment float_inside, float_outside;
    gb_ucontext *ucontext;
    int own; // has control words of its own
    uint64_t made_in; // the control words when it was made
    int active, resumer;
} contexts[CONTEXTS];

// One switch on its way.
struct crossing {
    gb_context *from, *to;
    gb_float_environment *save, *load; // null where the control words are shared
    struct context *coroutine;
    int entering;
    const struct words *before;
    struct words *after;
};

// The walk.
static int way;
static uint64_t state, checked, limit, mismatches;
static uint64_t bound_for; // the context that the latest switch goes to
static uint64_t carried; // the control words that it was begun with

// The bits that are flipped on arrival: none, but in a self-check from `damage_from` on.
static struct words damage, planned;
static uint64_t damage_from = UINT64_MAX;
static void (*said)(const char *what); // of the first mismatches; null to say nothing
static size_t first_word;
static uint64_t first_bits;

// The one place that uses the inlined switch. Returns what it hands over: `from`, always.
static inline __attribute__((always_inline)) uint64_t jump(gb_context *from, gb_context *to) {
    gb_arrival arrival = gb_switch(from, to, bound_for);
    return arrival.word == bound_for ? (uintptr_t)arrival.own : 0;
}

// As the engine does around a switch of a context with control words of its own.
static inline void exchange_environment(struct crossing *c) {
    if (!c->save) return;
    *c->save = gb_float_save();
    gb_float_load(*c->load);
}

// A way each, and never a choice among them: unoptimised, code that is not run would still make
// the compiler save the registers that it would use.
#define CROSS(by) static inline __attribute__((always_inline)) uint64_t by(struct crossing *c)
CROSS(cross_INLINED) { return jump(c->from, c->to); }
// As the engine's coroutines: by a pair, and the long way where more has to be exchanged.
CROSS(cross_INLINED_COROUTINE) {
    exchange_environment(c);
    gb_pair *pair = &c->coroutine->pair;
    uintptr_t word = bound_for, side = c->entering ? gb_pair_running : gb_pair_suspended;
    if (c->save) {
        word = gb_pair_exchange(pair, word, side | gb_pair_long);
    } else if (c->entering) {
        word = gb_pair_enter(pair, word);
    } else {
        word = gb_pair_suspend(pair, word);
    }
    return word == bound_for ? (uintptr_t)c->from : 0;
}
CROSS(cross_OUTOFLINE) {
    uintptr_t word = gb_switch_outofline(c->from, c->to, bound_for);
    return word == bound_for ? (uintptr_t)c->from : 0;
}
CROSS(cross_OUTOFLINE_COROUTINE) {
    exchange_environment(c);
    return cross_OUTOFLINE(c);
}
CROSS(cross_UCONTEXT) {
    if (c->entering) {
        gb_ucontext_enter(c->coroutine->ucontext);
    } else {
        gb_ucontext_leave(c->coroutine->ucontext);
    }
    return (uintptr_t)c->from;
}

// More values than there are registers.
struct values {
    uint64_t integers[INTEGERS];
    double doubles[DOUBLES];
    vector vectors[VECTORS];
};

static inline __attribute__((always_inline)) void take(
    struct values *values, const struct words *before) {
    memcpy(values->integers, before->integers, sizeof values->integers);
    memcpy(values->doubles, before->doubles, sizeof values->doubles);
    memcpy(values->vectors, before->vectors, sizeof values->vectors);
}

static inline __attribute__((always_inline)) void give(
    struct words *after, const struct values *values, uint64_t returned) {
    after->returned = returned;
    memcpy(after->integers, values->integers, sizeof values->integers);
    memcpy(after->doubles, values->doubles, sizeof values->doubles);
    memcpy(after->vectors, values->vectors, sizeof values->vectors);
    uint64_t *found = (uint64_t *)after, *flips = (uint64_t *)&damage;
    for (int i = FIRST_INTEGER; i < WORDS; i++) found[i] ^= flips[i];
}

#define CROSSING(by)                                                                           \
    __attribute__((noinline)) static void hold_##by(struct crossing *c) {                      \
        struct values values;                                                                  \
        take(&values, c->before);                                                              \
        HOLD(values.integers, values.doubles, values.vectors);                                 \
        uint64_t returned = cross_##by(c);                                                     \
        HOLD(values.integers, values.doubles, values.vectors);                                 \
        give(c->after, &values, returned);                                                     \
    }                                                                                          \
    __attribute__((noinline)) static void bare_##by(struct crossing *c) {                      \
        c->after->returned = cross_##by(c);                                                    \
    }
CROSSING(INLINED)
CROSSING(INLINED_COROUTINE)
CROSSING(OUTOFLINE)
CROSSING(OUTOFLINE_COROUTINE)
CROSSING(UCONTEXT)

static void (*const holding[WAYS])(struct crossing *) = {
    hold_INLINED, hold_INLINED_COROUTINE, hold_OUTOFLINE, hold_OUTOFLINE_COROUTINE,
    hold_UCONTEXT};
static void (*const bare[WAYS])(struct crossing *) = {
    bare_INLINED, bare_INLINED_COROUTINE, bare_OUTOFLINE, bare_OUTOFLINE_COROUTINE,
    bare_UCONTEXT};

// SplitMix64: every word by itself, so that many are on their way at once.
static inline uint64_t next_random(void) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void name_word(char *name, size_t size, size_t i) {
    if (i >= FIRST_VECTOR) {
        snprintf(name, size, "word %zu of %d-bit vector %zu", (i - FIRST_VECTOR) % VECTOR_WORDS,
                 VECTOR_BYTES * 8, (i - FIRST_VECTOR) / VECTOR_WORDS);
    } else if (i >= FIRST_DOUBLE) {
        snprintf(name, size, "double %zu", i - FIRST_DOUBLE);
    } else if (i >= FIRST_INTEGER) {
        snprintf(name, size, "integer %zu", i - FIRST_INTEGER);
    } else if (i >= FIRST_REGISTER) {
        snprintf(name, size, "%s", register_names[i - FIRST_REGISTER]);
    } else {
        const char *const names[] = {"the context", "the returned word", "the environment"};
        snprintf(name, size, "%s", names[i]);
    }
}

// Notes what differs, and mends what a self-check damaged.
__attribute__((noinline)) static void report(
    const uint64_t *before, const uint64_t *after, size_t count) {
    size_t i = 0;
    while (i + 1 < count && before[i] == after[i]) i++;
    if (mismatches++ == 0) first_word = i, first_bits = before[i] ^ after[i];
    damage = (struct words){0};
    damage_from = UINT64_MAX;
    if (!said || mismatches > 10) return;
    char name[64], text[200];
    name_word(name, sizeof name, i);
    snprintf(text, sizeof text, "%s, after %" PRIu64 " switches: %s is %" PRIx64 ", not %" PRIx64,
             way_names[way], checked, name, after[i], before[i]);
    said(text);
}

// The control words that a context finds: those that it had, or those that were carried to it.
static uint64_t expected_environment(int own, uint64_t had) {
    uint64_t bits = !own ? 0 : way == UCONTEXT ? ~(uint64_t)0 : own_bits;
    return (had & bits) | (carried & ~bits);
}

static void compare(struct words *before, struct words *after, size_t count) {
    if (damage.environment) set_environment(environment_now() ^ damage.environment);
    after->environment = environment_now();
    after->context = bound_for ^ damage.context;
    const uint64_t *b = (const uint64_t *)before, *a = (const uint64_t *)after;
    uint64_t differing = 0;
    for (size_t i = 0; i < count; i++) differing |= b[i] ^ a[i];
    if (differing) report(b, a, count);
}

// Switches away from `self` and comes back by and by.
static void pass(int self, uint64_t other, struct crossing *c) {
    struct words before, after;
    for (size_t i = 0; i < WORDS; i++) ((uint64_t *)&before)[i] = next_random();
    int is_bare = (before.context & 7) == 0;
    uint64_t had = environment_from(before.environment);
    before.context = (uint64_t)self;
    before.returned = (uintptr_t)c->from;
    c->before = &before;
    c->after = &after;
    if (checked >= damage_from) damage = planned;
    bound_for = other;
    carried = had;
    set_environment(had);
    gb_call_marked((void (*)(void *))(is_bare ? bare : holding)[way], c, before.registers,
                   after.registers, damage.registers);
    before.environment = expected_environment(c->coroutine && c->coroutine->own, had);
    after.returned ^= damage.returned;
    compare(&before, &after, is_bare ? FIRST_INTEGER : WORDS);
    checked += !is_bare;
}

// What a context can check before it ever switched.
static void begin(int self) {
    struct words before = {.context = (uint64_t)self}, after = before;
    before.environment = expected_environment(contexts[self].own, contexts[self].made_in);
    compare(&before, &after, FIRST_REGISTER);
}

// Greenlets: from any to any.
static gb_context outside;

static void greenlet(void *argument, uintptr_t word) {
    (void)word;
    int self = (int)(intptr_t)argument;
    begin(self);
    while (checked < limit) {
        int other = (self + 1 + (int)(next_random() % (CONTEXTS - 1))) % CONTEXTS;
        struct crossing c = {.from = &contexts[self].inside, .to = &contexts[other].inside};
        pass(self, (uint64_t)other, &c);
    }
    gb_switch_outofline(&contexts[self].inside, &outside, 0);
    abort();
}

// Coroutines: enters one that is not active, or leaves to the resumer.
static void step(int self) {
    uint64_t random = next_random();
    struct context *to = NULL;
    if (checked < limit && (self == MAIN || random % 8 < 5)) {
        for (unsigned i = 0; i < CONTEXTS && !to; i++) {
            struct context *candidate = &contexts[(random / 8 + i) % CONTEXTS];
            if (!candidate->active) to = candidate;
        }
    }
    if (to) {
        struct crossing c = {
            .from = &to->outside, .to = &to->inside, .coroutine = to, .entering = 1};
        if (to->own) c.save = &to->float_outside, c.load = &to->float_inside;
        to->active = 1;
        to->resumer = self;
        pass(self, (uint64_t)(to - contexts), &c);
    } else if (self != MAIN) {
        struct context *me = &contexts[self];
        struct crossing c = {.from = &me->inside, .to = &me->outside, .coroutine = me};
        if (me->own) c.save = &me->float_inside, c.load = &me->float_outside;
        me->active = 0;
        pass(self, (uint64_t)me->resumer, &c);
    }
}

static void coroutine(void *argument) {
    int self = (int)(intptr_t)argument;
    begin(self);
    for (;;) step(self);
}

static void enter_coroutine(void *argument, uintptr_t word) {
    (void)word;
    coroutine(argument);
}

static void walk(uint64_t switches) {
    uint64_t usual = environment_now();
    int greenlets = way == INLINED || way == OUTOFLINE;
    checked = mismatches = 0;
    limit = switches;
    for (int i = 0; i < CONTEXTS; i++) {
        void *argument = (void *)(intptr_t)i;
        struct context *context = &contexts[i];
        *context = (struct context){.own = !greenlets && (way == UCONTEXT || i % 2 == 1)};
        context->made_in = environment_from(next_random());
        set_environment(context->made_in);
        context->float_inside = gb_float_save();
        if (way == UCONTEXT) {
            context->ucontext = gb_ucontext_make(stacks[i], STACK_BYTES, coroutine, argument);
            if (!context->ucontext) abort();
        } else {
            gb_context_init(way == INLINED_COROUTINE ? &context->pair.saved : &context->inside,
                            stacks[i] + STACK_BYTES, greenlets ? greenlet : enter_coroutine,
                            argument);
        }
    }
    carried = environment_from(next_random());
    set_environment(carried);
    bound_for = 0;
    if (greenlets) gb_switch_outofline(&outside, &contexts[0].inside, 0);
    while (checked < limit) step(MAIN);
    set_environment(usual);
    for (int i = 0; i < CONTEXTS; i++) gb_ucontext_free(contexts[i].ucontext);
}

static int passed, failed;

// Whether a walk without damage finds none. What it finds is printed.
static int expect_none(void (*say)(const char *)) {
    damage_from = UINT64_MAX;
    said = say;
    walk(200);
    passed += mismatches == 0;
    failed += mismatches != 0;
    return mismatches == 0;
}

// Flips `bits` of one word after a hundred switches, which must be found once, and as what it is.
static void expect_found(size_t word, uint64_t bits, void (*say)(const char *)) {
    planned = (struct words){0};
    ((uint64_t *)&planned)[word] = bits;
    damage_from = 100;
    said = NULL;
    walk(200);
    int is_found = mismatches == 1 && first_word == word && first_bits == bits;
    passed += is_found;
    failed += !is_found;
    if (is_found) return;
    char name[64], text[200];
    name_word(name, sizeof name, word);
    snprintf(text, sizeof text, "%s: %016" PRIx64 " flipped in %s: found %" PRIu64 " times",
             way_names[way], bits, name, mismatches);
    say(text);
}

gb_self_check gb_walk_self_check(uint64_t seed, void (*say)(const char *what)) {
    state = seed;
    passed = failed = 0;
    for (way = 0; way < WAYS; way++) {
        if (!expect_none(say)) continue;
        for (size_t word = 0; word < WORDS; word++) {
            if (word != offsetof(struct words, environment) / 8) {
                expect_found(word, (uint64_t)1 << next_random() % 64, say);
                continue;
            }
            for (int bit = 0; bit < 64; bit++) {
                uint64_t bits = (uint64_t)1 << bit;
                if (environment_bits & bits) expect_found(word, bits, say);
            }
        }
    }
    return (gb_self_check){passed, failed};
}

const char *gb_way_name(int number) { return way_names[number]; }

gb_walked gb_walk(int number, uint64_t switches, uint64_t seed, void (*say)(const char *what)) {
    way = number;
    state = seed;
    said = say;
    damage_from = UINT64_MAX;
    walk(switches);
    return (gb_walked){checked, mismatches};
}
