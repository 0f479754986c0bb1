// Copies of frames, packed when they are short; no sanitizer looks at what is copied.
#include "CSanitizers.h"

#include <string.h>

// A copy of more words is for speed, not for room.
enum { packed_max = 192, map_bits = 64 };

#define UNSEEN __attribute__((no_sanitize("address", "thread")))

// Under a sanitizer memcpy itself would be reported, and so would a loop that the compiler makes one.
UNSEEN static void copy(uint64_t *to, const uint64_t *from, size_t words) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    volatile uint64_t *out = to;
    for (size_t i = 0; i < words; i++) out[i] = from[i];
#else
    memcpy(to, from, words * sizeof *to);
#endif
}

static size_t map_words(size_t words) { return (words + map_bits - 1) / map_bits; }

UNSEEN size_t gb_packed_words(const void *from, size_t words) {
    if (words > packed_max) return words;
    const uint64_t *in = from;
    size_t count = map_words(words);
    for (size_t i = 0; i < words; i++) count += in[i] != 0;
    return count;
}

UNSEEN void gb_pack_frames(void *to, const void *from, size_t words) {
    if (words > packed_max) {
        copy(to, from, words);
        return;
    }
    const uint64_t *in = from;
    uint64_t *map = to, *out = map + map_words(words);
    for (size_t i = 0; i < words; i += map_bits) {
        size_t end = words - i < map_bits ? words - i : map_bits;
        uint64_t bits = 0;
        for (size_t j = 0; j < end; j++) {
            uint64_t word = in[i + j];
            if (!word) continue;
            bits |= (uint64_t)1 << j;
            *out++ = word;
        }
        *map++ = bits;
    }
}

UNSEEN size_t gb_unpack_frames(void *to, const void *from, size_t words) {
    if (words > packed_max) {
        copy(to, from, words);
        return words;
    }
    uint64_t *out = to;
    const uint64_t *map = from, *in = map + map_words(words);
    for (size_t i = 0; i < words; i += map_bits) {
        size_t end = words - i < map_bits ? words - i : map_bits;
        uint64_t bits = *map++;
        for (size_t j = 0; j < end; j++) out[i + j] = bits >> j & 1 ? *in++ : 0;
    }
    return (size_t)(in - (const uint64_t *)from);
}

size_t gb_copied_words(const void *copy, size_t words) {
    if (words > packed_max) return words;
    const uint64_t *map = copy;
    size_t count = map_words(words);
    for (size_t i = 0; i < map_words(words); i++) count += (size_t)__builtin_popcountll(map[i]);
    return count;
}

uint64_t gb_packed_word(const void *from, size_t words, size_t index) {
    const uint64_t *map = from;
    if (words > packed_max) return map[index];
    const uint64_t *in = map + map_words(words);
    for (size_t i = 0; i < index / map_bits; i++) in += __builtin_popcountll(map[i]);
    uint64_t bits = map[index / map_bits], bit = (uint64_t)1 << index % map_bits;
    return bits & bit ? in[__builtin_popcountll(bits & (bit - 1))] : 0;
}
