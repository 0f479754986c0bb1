// Copies of frames, packed when they are short; no sanitizer looks at what is copied.
#include "CSanitizers.h"

#include <stdlib.h>
#include <string.h>

#define UNSEEN __attribute__((no_sanitize("address", "thread")))

// A piece of more words is copied for speed, not for room.
enum { packed_max = 192 };

// How a word is packed: four bits in the map before all words, and so many bytes after it.
enum code {
    zero,     // 0 bytes
    small,    // 1: below 256
    near,     // 2: less than 64 KiB above the piece itself, as the frame pointers of a few frames are
    again,    // 1: where in the table of the last words it is
    beside,   // 3: all but the lowest three bytes as the last long word, as code and objects often are
    address,  // 6: the two highest bytes are zero
    any,      // 8
};
static const uint8_t sizes[] = {0, 1, 2, 1, 3, 6, 8};

// The long words of a piece so far, as both sides know them.
enum { table_slots = 32 };
typedef struct memory {
    uint64_t table[table_slots];
    uint64_t last;
} memory;

static unsigned slot_of(uint64_t word) {
    // Fibonacci hashing: Knuth, The Art of Computer Programming, volume 3, 6.4.
    return (unsigned)(word * UINT64_C(0x9e3779b97f4a7c15) >> 59);
}

static void remember(memory *m, uint64_t word) {
    m->table[slot_of(word)] = word;
    m->last = word;
}

static size_t map_bytes(size_t words) { return (words + 1) / 2; }
static size_t in_words(size_t bytes) { return (bytes + 7) / 8; }

// Under a sanitizer memcpy itself would be reported, and so would a loop that the compiler makes one.
UNSEEN static void copy(uint64_t *to, const uint64_t *from, size_t words) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    volatile uint64_t *out = to;
    for (size_t i = 0; i < words; i++) out[i] = from[i];
#else
    memcpy(to, from, words * sizeof *to);
#endif
}

// The sanitizers' memcpy and memset do not look at a few bytes that are written out.
UNSEEN static inline __attribute__((always_inline)) void put(uint8_t *to, uint64_t bits) {
    __builtin_memcpy(to, &bits, 8);
}

UNSEEN static inline __attribute__((always_inline)) uint64_t get(const uint8_t *from, int bytes) {
    uint64_t bits = 0;
    for (int i = 0; i < bytes; i++) bits |= (uint64_t)from[i] << 8 * i;
    return bits;
}

// Packing decides by words that nobody has written: frames are copied whole. For Valgrind the words count
// as written meanwhile, and which of their bits are follows the copy, as long as the piece itself.
#if defined(GB_VALGRIND)
enum { bits_kept = 1 };
#else
enum { bits_kept = 0 };
#endif

size_t gb_packed_most(size_t words) {
    return words > packed_max
               ? words
               : in_words(map_bytes(words) + words * 8 + 8) + bits_kept * words;
}

UNSEEN size_t gb_pack_frames(void *to, const void *from, size_t words) {
    if (words > packed_max) {
        copy(to, from, words);
        return words;
    }
    uint64_t bits_of_piece[bits_kept * packed_max + 1];
    if (bits_kept) gb_take_bits(bits_of_piece, from, words * 8);
    const uint64_t *in = from;
    uint8_t *map = to, *out = map + map_bytes(words);
    memory m = {{0}, 0};
    for (size_t i = 0; i < words; i++) {
        uint64_t word = in[i], bits = word;
        enum code code = any;
        if (!word) code = zero;
        else if (word < 256) code = small;
        else if (word - (uintptr_t)from < 65536) code = near, bits = word - (uintptr_t)from;
        else if (m.table[slot_of(word)] == word) code = again, bits = slot_of(word);
        else if (!((word ^ m.last) >> 24)) code = beside;
        else if (!(word >> 48)) code = address;
        if (code >= beside) remember(&m, word);
        if (i % 2) map[i / 2] |= (uint8_t)(code << 4);
        else map[i / 2] = (uint8_t)code;
        put(out, bits);
        out += sizes[code];
    }
    size_t used = in_words((size_t)(out - map));
    if (!bits_kept) return used;
    gb_give_bits((uint64_t *)from, bits_of_piece, words * 8);
    copy((uint64_t *)to + used, bits_of_piece, words);
    return used + words;
}

// The word that is packed next.
UNSEEN static inline __attribute__((always_inline)) uint64_t
next(memory *m, const uint8_t **in, enum code code, uintptr_t base) {
    uint64_t word = get(*in, sizes[code]);
    *in += sizes[code];
    if (code == near) return base + word;
    if (code == again) return m->table[word];
    if (code == beside) word |= m->last & ~(uint64_t)0xffffff;
    if (code >= beside) remember(m, word);
    return word;
}

static enum code code_of(const uint8_t *map, size_t i) {
    return (enum code)(map[i / 2] >> (i % 2 ? 4 : 0) & 15);
}

UNSEEN size_t gb_unpack_frames(void *to, const void *from, size_t words) {
    gb_stack_is_to_be_written(to, words * 8);
    if (words > packed_max) {
        copy(to, from, words);
        return words;
    }
    uint64_t *out = to;
    const uint8_t *map = from, *in = map + map_bytes(words);
    memory m = {{0}, 0};
    for (size_t i = 0; i < words; i++) out[i] = next(&m, &in, code_of(map, i), (uintptr_t)to);
    size_t used = in_words((size_t)(in - map));
    if (!bits_kept) return used;
    gb_give_bits(to, (const uint64_t *)from + used, words * 8);
    return used + words;
}

size_t gb_copied_words(const void *from, size_t words) {
    if (words > packed_max) return words;
    size_t bytes = map_bytes(words);
    for (size_t i = 0; i < words; i++) bytes += sizes[code_of(from, i)];
    return in_words(bytes) + bits_kept * words;
}

uint64_t gb_packed_word(const void *from, size_t words, size_t index, uintptr_t base) {
    if (words > packed_max) return ((const uint64_t *)from)[index];
    const uint8_t *map = from, *in = map + map_bytes(words);
    memory m = {{0}, 0};
    uint64_t word = 0;
    for (size_t i = 0; i <= index; i++) word = next(&m, &in, code_of(map, i), base);
    return word;
}

UNSEEN void *gb_pack_new(size_t room, const void *from, size_t words) {
    if (words > packed_max) {
        void *block = malloc(room + words * 8);
        if (block) copy((uint64_t *)((char *)block + room), from, words);
        return block;
    }
    uint64_t packed[packed_max + packed_max / 16 + 2 + bits_kept * packed_max];
    size_t used = gb_pack_frames(packed, from, words);
    void *block = malloc(room + used * 8);
    if (block) memcpy((char *)block + room, packed, used * 8);
    return block;
}
