// The extent hooks: how an arena gets memory from the kernel and gives it back.
//
// jemalloc calls hooks with its own locks held, on any thread. So they allocate nothing, and what
// they share is atomic.

#include "CExtents.h"

#include <errno.h>
#include <jemalloc/jemalloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

// Linux 5.17 and 6.13; older headers lack them.
enum { set_vma = 0x53564d41, set_vma_name = 0, guard_remove = 103 };

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

typedef _Atomic(uint64_t) counter;

struct fault {
    // Occasions are counted from 1; 0 is no fault.
    counter first, times, seen;
};

struct gb_extents {
    // First, so that the hooks' first argument is the address of the whole.
    extent_hooks_t table;
    counter maps, named, failed_maps, unmaps, retains, lazy_purges, forced_purges, failed_purges,
        splits, merges, guard_sweeps, mapped_bytes;
    _Atomic(int) map_error;
    atomic_bool is_ending;
    struct fault faults[gb_fault_count];
};

// Counts order nothing.
static void count(counter *number) {
    atomic_fetch_add_explicit(number, 1, memory_order_relaxed);
}
static uint64_t read_count(const counter *number) {
    return atomic_load_explicit(number, memory_order_relaxed);
}

static gb_extents *owner(extent_hooks_t *table) { return (gb_extents *)table; }

bool gb_extents_fails(gb_extents *hooks, gb_fault fault) {
    struct fault *one = &hooks->faults[fault];
    uint64_t first = atomic_load_explicit(&one->first, memory_order_acquire);
    if (first == 0) return false;
    uint64_t occasion = atomic_fetch_add_explicit(&one->seen, 1, memory_order_relaxed) + 1;
    return occasion >= first && occasion - first < read_count(&one->times);
}

void gb_extents_fail(gb_extents *hooks, gb_fault fault, uint64_t first, uint64_t times) {
    struct fault *one = &hooks->faults[fault];
    atomic_store(&one->first, 0);
    atomic_store(&one->times, times);
    atomic_store(&one->seen, 0);
    // Last, so that nobody counts towards the old occasion with the new number.
    atomic_store_explicit(&one->first, first, memory_order_release);
}

// Gives the anonymous mapping the properties of stacks.
static void dress(gb_extents *hooks, void *block, size_t size) {
#ifdef __linux__
    // One touched page of a 16 KiB stack must not become a huge page: memory would be multiplied.
    // Fails on kernels without huge pages, where there is nothing to refuse.
    madvise(block, size, MADV_NOHUGEPAGE);
    // Fails on kernels without CONFIG_ANON_VMA_NAME. A name helps who reads /proc/self/maps, and
    // nothing depends on it.
    if (prctl(set_vma, set_vma_name, block, size, "greenlet stacks") == 0) count(&hooks->named);
#else
    (void)hooks, (void)block, (void)size;
#endif
}

// Maps `size` bytes, a multiple of the page as jemalloc's sizes are, aligned; at `wanted` or not at
// all, unless that is NULL. Returns NULL with errno set.
static void *map_aligned(void *wanted, size_t size, size_t alignment) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t slack = wanted == NULL && alignment > page ? alignment - page : 0;
    if (size > SIZE_MAX - slack) return errno = ENOMEM, NULL;
    // Not reserved: most of a stack is never touched.
    char *start = mmap(wanted, size + slack, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) return NULL;
    if (wanted != NULL && start != wanted) {
        munmap(start, size);
        return errno = EEXIST, NULL;
    }
    if (slack == 0) return start;
    char *block = (char *)(((uintptr_t)start + alignment - 1) & ~(uintptr_t)(alignment - 1));
    size_t before = (size_t)(block - start), after = slack - before;
    bool trimmed = (before == 0 || munmap(start, before) == 0) &&
                   (after == 0 || munmap(block + size, after) == 0);
    if (trimmed) return block;
    // At the limit of mappings even a smaller mapping is one more; the whole can always go.
    int error = errno;
    munmap(start, size + slack);
    return errno = error, NULL;
}

static void *hook_map(extent_hooks_t *table, void *wanted, size_t size, size_t alignment,
                      bool *zero, bool *commit, unsigned arena) {
    (void)arena;
    gb_extents *hooks = owner(table);
    void *block = NULL;
    if (gb_extents_fails(hooks, gb_fault_map)) {
        errno = ENOMEM;
    } else {
        block = map_aligned(wanted, size, alignment);
    }
    if (block == NULL) {
        atomic_store_explicit(&hooks->map_error, errno, memory_order_relaxed);
        count(&hooks->failed_maps);
        return NULL;
    }
    dress(hooks, block, size);
    *zero = true;
    *commit = true;
    count(&hooks->maps);
    atomic_fetch_add_explicit(&hooks->mapped_bytes, size, memory_order_relaxed);
    return block;
}

static void unmap(gb_extents *hooks, void *block, size_t size) {
    if (munmap(block, size) != 0) {
        // A hole needs one mapping more, which the kernel may refuse: the addresses are lost then,
        // and the memory is not.
        madvise(block, size, MADV_DONTNEED);
        return;
    }
    count(&hooks->unmaps);
    atomic_fetch_sub_explicit(&hooks->mapped_bytes, size, memory_order_relaxed);
}

// Asked to let go of a range, jemalloc keeps its addresses, and gives its memory back by a forced
// purge: holes would each cost a mapping, of which a process has vm.max_map_count, and are no faster.
static bool hook_unmap(extent_hooks_t *table, void *block, size_t size, bool committed,
                       unsigned arena) {
    (void)committed, (void)arena;
    gb_extents *hooks = owner(table);
    if (!atomic_load_explicit(&hooks->is_ending, memory_order_relaxed)) {
        count(&hooks->retains);
        return true;
    }
    unmap(hooks, block, size);
    return false;
}

static void hook_destroy(extent_hooks_t *table, void *block, size_t size, bool committed,
                         unsigned arena) {
    (void)committed, (void)arena;
    unmap(owner(table), block, size);
}

static bool purge(gb_extents *hooks, void *start, size_t size, int advice, counter *number) {
    if (gb_extents_fails(hooks, gb_fault_purge) || madvise(start, size, advice) != 0) {
        count(&hooks->failed_purges);
        return true;
    }
    count(number);
    return false;
}

static bool hook_purge_lazy(extent_hooks_t *table, void *block, size_t size, size_t offset,
                            size_t length, unsigned arena) {
    (void)size, (void)arena;
    gb_extents *hooks = owner(table);
    return purge(hooks, (char *)block + offset, length, MADV_FREE, &hooks->lazy_purges);
}

static bool hook_purge_forced(extent_hooks_t *table, void *block, size_t size, size_t offset,
                              size_t length, unsigned arena) {
    (void)size, (void)arena;
    gb_extents *hooks = owner(table);
    return purge(hooks, (char *)block + offset, length, MADV_DONTNEED, &hooks->forced_purges);
}

// The kernel maps, unmaps and purges any pages, whether they were mapped together or not.
static bool hook_split(extent_hooks_t *table, void *block, size_t size, size_t first,
                       size_t second, bool committed, unsigned arena) {
    (void)block, (void)size, (void)first, (void)second, (void)committed, (void)arena;
    count(&owner(table)->splits);
    return false;
}

static bool hook_merge(extent_hooks_t *table, void *first, size_t first_size, void *second,
                       size_t second_size, bool committed, unsigned arena) {
    (void)first, (void)first_size, (void)second, (void)second_size, (void)committed, (void)arena;
    count(&owner(table)->merges);
    return false;
}

gb_extents *gb_extents_new(void) {
    gb_extents *hooks = calloc(1, sizeof *hooks);
    if (hooks == NULL) return NULL;
    // All that is mapped is committed and stays so, hence no hooks for it.
    hooks->table = (extent_hooks_t){.alloc = hook_map,
                                    .dalloc = hook_unmap,
                                    .destroy = hook_destroy,
                                    .purge_lazy = hook_purge_lazy,
                                    .purge_forced = hook_purge_forced,
                                    .split = hook_split,
                                    .merge = hook_merge};
    return hooks;
}

void gb_extents_delete(gb_extents *hooks) { free(hooks); }

int gb_extents_create_arena(gb_extents *hooks, unsigned *arena) {
    extent_hooks_t *table = &hooks->table;
    size_t size = sizeof *arena;
    return mallctl("arenas.create", arena, &size, &table, sizeof table);
}

void gb_extents_end(gb_extents *hooks) { atomic_store(&hooks->is_ending, true); }

gb_extent_counts gb_extents_counts(const gb_extents *hooks) {
    return (gb_extent_counts){
        .maps = read_count(&hooks->maps),
        .named = read_count(&hooks->named),
        .failed_maps = read_count(&hooks->failed_maps),
        .unmaps = read_count(&hooks->unmaps),
        .retains = read_count(&hooks->retains),
        .lazy_purges = read_count(&hooks->lazy_purges),
        .forced_purges = read_count(&hooks->forced_purges),
        .failed_purges = read_count(&hooks->failed_purges),
        .splits = read_count(&hooks->splits),
        .merges = read_count(&hooks->merges),
        .guard_sweeps = read_count(&hooks->guard_sweeps),
        .mapped_bytes = read_count(&hooks->mapped_bytes),
    };
}

int gb_extents_map_error(const gb_extents *hooks) {
    return atomic_load_explicit(&hooks->map_error, memory_order_relaxed);
}

int gb_extents_sweep_guards(gb_extents *hooks, void *block, size_t size) {
    count(&hooks->guard_sweeps);
#ifdef __linux__
    // Kernels before 6.13 do not know the advice, and have guards by protection only.
    if (madvise(block, size, guard_remove) != 0 && errno != EINVAL) return errno;
#endif
    // Next to nothing where no guard was made by protection.
    return mprotect(block, size, PROT_READ | PROT_WRITE) == 0 ? 0 : errno;
}
