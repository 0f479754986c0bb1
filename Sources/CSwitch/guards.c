// The guards of the process: a table by address that a signal handler can read at any moment.
//
// Invariants:
//   1. A node that was linked stays linked for good; a free one is used again in its bucket. So a
//      reader never loses its way, and nobody needs a lock.
//   2. A node's fields belong to whoever changed `base` from `unused` to `claimed`; readers look at
//      them only while `base` is an address, and that it still is the same one when they are done.
#include "overflow.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    // A node stands in the bucket of each granule that its guards lie in: 2 MiB hold some twenty
    // stacks of 16 KiB with their guards, which is as long as a chain gets where each is added alone.
    granule_bits = 21,
    // 512 KiB, of which a program touches the pages that its addresses fall into; 128 GiB until
    // chains double.
    bucket_count = 1 << 16,
};

static const uintptr_t unused = 0, claimed = 1;

struct node {
    struct node *next;
    _Atomic uintptr_t base;
    _Atomic size_t stride, guard_bytes, stack_bytes, count;
};

static struct node *_Atomic buckets[bucket_count];

static struct node *_Atomic *bucket(uintptr_t granule) {
    return &buckets[granule % bucket_count];
}

static struct node *claim(struct node *_Atomic *first) {
    struct node *node = atomic_load_explicit(first, memory_order_acquire);
    for (; node; node = node->next) {
        uintptr_t expected = unused;
        // Looked at first: an exchange takes the line from others even where it fails.
        if (atomic_load_explicit(&node->base, memory_order_relaxed) == unused &&
            atomic_compare_exchange_strong_explicit(
                &node->base, &expected, claimed, memory_order_acquire, memory_order_relaxed))
            return node;
    }
    node = malloc(sizeof *node);
    if (!node) return 0;
    atomic_init(&node->base, claimed);
    node->next = atomic_load_explicit(first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        first, &node->next, node, memory_order_release, memory_order_relaxed)) {
    }
    return node;
}

static struct node *find_base(struct node *_Atomic *first, uintptr_t base) {
    struct node *node = atomic_load_explicit(first, memory_order_acquire);
    while (node && atomic_load_explicit(&node->base, memory_order_acquire) != base) node = node->next;
    return node;
}

// Entries so wide that they would stand in very many buckets: a pool has few of them.
static struct node *_Atomic wide;

static bool is_wide(size_t stride, size_t count) { return stride * count > (size_t)32 << 20; }

static bool fill(struct node *_Atomic *first, uintptr_t base, size_t stride, size_t guard_bytes,
                 size_t stack_bytes, size_t count) {
    struct node *node = claim(first);
    if (!node) return false;
    atomic_store_explicit(&node->stride, stride, memory_order_relaxed);
    atomic_store_explicit(&node->guard_bytes, guard_bytes, memory_order_relaxed);
    atomic_store_explicit(&node->stack_bytes, stack_bytes, memory_order_relaxed);
    atomic_store_explicit(&node->count, count, memory_order_relaxed);
    atomic_store_explicit(&node->base, base, memory_order_release);
    return true;
}

bool gb_guards_add(const void *base, size_t stride, size_t guard_bytes, size_t stack_bytes,
                   size_t count) {
    uintptr_t first = (uintptr_t)base, next = 0;
    if (first <= claimed || !stride || !guard_bytes) return false;
    if (is_wide(stride, count)) return fill(&wide, first, stride, guard_bytes, stack_bytes, count);
    for (size_t i = 0; i < count; i++) {
        uintptr_t guard = first + i * stride;
        uintptr_t granule = guard >> granule_bits;
        uintptr_t last = (guard + guard_bytes - 1) >> granule_bits;
        for (granule = granule > next ? granule : next; granule <= last; granule++) {
            if (!fill(bucket(granule), first, stride, guard_bytes, stack_bytes, count)) {
                gb_guards_remove(base);
                return false;
            }
            next = granule + 1;
        }
    }
    return true;
}

void gb_guards_remove(const void *base) {
    uintptr_t first = (uintptr_t)base, next = 0;
    if (first <= claimed) return;
    struct node *node = find_base(&wide, first);
    if (node) {
        atomic_store_explicit(&node->base, unused, memory_order_release);
        return;
    }
    node = find_base(bucket(first >> granule_bits), first);
    if (!node) return;
    size_t stride = atomic_load_explicit(&node->stride, memory_order_relaxed);
    size_t guard_bytes = atomic_load_explicit(&node->guard_bytes, memory_order_relaxed);
    size_t count = atomic_load_explicit(&node->count, memory_order_relaxed);
    for (size_t i = 0; i < count; i++) {
        uintptr_t guard = first + i * stride;
        uintptr_t granule = guard >> granule_bits;
        uintptr_t last = (guard + guard_bytes - 1) >> granule_bits;
        for (granule = granule > next ? granule : next; granule <= last; granule++) {
            node = find_base(bucket(granule), first);
            if (node) atomic_store_explicit(&node->base, unused, memory_order_release);
            next = granule + 1;
        }
    }
}

static bool find_in(struct node *_Atomic *list, uintptr_t wanted, bool in_guard,
                    gb_guarded *out) {
    struct node *node = atomic_load_explicit(list, memory_order_acquire);
    for (; node; node = node->next) {
        uintptr_t base = atomic_load_explicit(&node->base, memory_order_acquire);
        if (base <= claimed || wanted < base) continue;
        size_t stride = atomic_load_explicit(&node->stride, memory_order_relaxed);
        size_t guard_bytes = atomic_load_explicit(&node->guard_bytes, memory_order_relaxed);
        size_t stack_bytes = atomic_load_explicit(&node->stack_bytes, memory_order_relaxed);
        size_t count = atomic_load_explicit(&node->count, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&node->base, memory_order_relaxed) != base) continue;
        if (!stride || (wanted - base) / stride >= count) continue;
        uintptr_t guard = wanted - (wanted - base) % stride;
        if (wanted - guard >= guard_bytes + (in_guard ? 0 : stack_bytes)) continue;
        *out = (gb_guarded){guard, guard + guard_bytes, guard + guard_bytes + stack_bytes};
        return true;
    }
    return false;
}

bool gb_guards_find(const void *address, gb_guarded *out) {
    uintptr_t wanted = (uintptr_t)address;
    return find_in(bucket(wanted >> granule_bits), wanted, true, out) ||
           find_in(&wide, wanted, true, out);
}

bool gb_guards_find_stack(const void *address, gb_guarded *out) {
    uintptr_t wanted = (uintptr_t)address, granule = wanted >> granule_bits;
    // A stack's node stands where its guard lies, which may be some granules below.
    for (uintptr_t i = 0; i < 512 && i <= granule; i++)
        if (find_in(bucket(granule - i), wanted, false, out)) return true;
    return find_in(&wide, wanted, false, out);
}
