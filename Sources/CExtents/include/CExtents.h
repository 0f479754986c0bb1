// Arenas of jemalloc whose memory is mapped, purged, named and counted here, by extent hooks.
#ifndef CEXTENTS_H
#define CEXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The hooks of one arena, with their counts and the faults that wait to happen.
///
/// Whoever made it deletes it, after the arena. All of it may be used by several threads.
typedef struct gb_extents gb_extents;

/// Calls of the hooks so far, and what they hold.
typedef struct {
    /// Ranges mapped, those of them that have a name, and calls that could map none.
    uint64_t maps, named, failed_maps;
    /// Ranges unmapped, and ranges that jemalloc was told to keep instead.
    uint64_t unmaps, retains;
    /// Ranges given back to the kernel when it likes, and at once; and calls that could not.
    uint64_t lazy_purges, forced_purges, failed_purges;
    /// Ranges cut in two, and neighbours made one.
    uint64_t splits, merges;
    /// Blocks that were rid of guards before jemalloc got them back.
    uint64_t guard_sweeps;
    /// Bytes that are mapped now, jemalloc's own records of the arena among them.
    uint64_t mapped_bytes;
} gb_extent_counts;

/// What can be made to fail.
typedef enum { gb_fault_map, gb_fault_purge, gb_fault_allocation, gb_fault_count } gb_fault;

/// Makes the hooks of one arena. NULL when there is no memory.
gb_extents *gb_extents_new(void);

/// Frees the hooks. Their arena must be destroyed, or never have been made.
void gb_extents_delete(gb_extents *hooks);

/// Makes an arena with these hooks, once. Returns 0 or an error number.
int gb_extents_create_arena(gb_extents *hooks, unsigned *arena);

/// Says that the arena is about to be destroyed: what jemalloc lets go of is unmapped from now on.
/// All of it must be purged before, so that these are whole mappings.
void gb_extents_end(gb_extents *hooks);

/// The counts so far; those of other threads may be a moment old.
gb_extent_counts gb_extents_counts(const gb_extents *hooks);

/// The error number of the last mapping that failed; 0 when none did.
int gb_extents_map_error(const gb_extents *hooks);

/// Makes `times` occasions fail, of which the first is the `first`-th from now; 0 stops it.
void gb_extents_fail(gb_extents *hooks, gb_fault fault, uint64_t first, uint64_t times);

/// Counts an occasion, and says whether it is to fail.
bool gb_extents_fails(gb_extents *hooks, gb_fault fault);

/// Makes all of a block readable and writable again, whatever guards are in it.
/// Returns 0 or an error number.
int gb_extents_sweep_guards(gb_extents *hooks, void *block, size_t size);

#endif
