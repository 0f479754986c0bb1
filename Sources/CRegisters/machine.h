// What differs between machines for walk.c and marked.c: registers, vectors, control words.
#include <stdint.h>

// The callee-saved registers, in the order of gb_call_marked, and the floating-point environment as
// one word: the low half has the control words that a context of its own environment keeps.
#if defined(__x86_64__)

static const char *const register_names[] = {"rbx", "rbp", "r12", "r13", "r14", "r15"};
enum { REGISTERS = 6 };

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64, VECTORS = 16 };
#define IN_VECTOR "+v"
#elif defined(__AVX2__)
enum { VECTOR_BYTES = 32, VECTORS = 8 };
#define IN_VECTOR "+x"
#else
enum { VECTOR_BYTES = 16, VECTORS = 8 };
#define IN_VECTOR "+x"
#endif

// MXCSR below, the x87 control word above. Both halves belong to a context's own environment.
static const uint64_t own_bits = ~(uint64_t)0;

// MXCSR: six status flags, denormals are zero, rounding, flush to zero. x87: precision, rounding.
static const uint64_t environment_bits = 0xe07f | (uint64_t)0x0f00 << 32;

// What arithmetic sets.
static const uint64_t status_bits = 0x3f;

// All exceptions masked, in both words.
static const uint64_t environment_base = 0x1f80 | (uint64_t)0x007f << 32;

static inline uint64_t environment_from(uint64_t random) {
    // A precision of 01 is reserved.
    if ((random >> 32 & 0x300) == 0x100) random |= (uint64_t)0x200 << 32;
    return (random & environment_bits) | environment_base;
}

static inline uint64_t environment_now(void) {
    uint32_t mxcsr;
    uint16_t x87;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87) : : "memory");
    return (uint64_t)x87 << 32 | mxcsr;
}

static inline int direction_is_up(void) { return !(__builtin_ia32_readeflags_u64() & 0x400); }

static inline void set_environment(uint64_t word) {
    uint32_t mxcsr = (uint32_t)word;
    uint16_t x87 = (uint16_t)(word >> 32);
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(x87) : "memory");
}

#elif defined(__aarch64__)

static const char *const register_names[] = {
    "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28",
    "x29", "d8",  "d9",  "d10", "d11", "d12", "d13", "d14", "d15"};
enum { REGISTERS = 19 };

enum { VECTOR_BYTES = 16, VECTORS = 16 };
#define IN_VECTOR "+w"

// FPCR below, FPSR above. gb_float_save leaves the status flags to all contexts together.
static const uint64_t own_bits = 0xffffffff;

// FPCR: rounding, flush to zero, default NaN, half precision. FPSR: six status flags, saturation.
static const uint64_t environment_bits = 0x07c00000 | (uint64_t)0x0800009f << 32;
static const uint64_t status_bits = (uint64_t)0x0800009f << 32;
static const uint64_t environment_base = 0;

// There is no such flag.
static inline int direction_is_up(void) { return 1; }

static inline uint64_t environment_from(uint64_t random) { return random & environment_bits; }

static inline uint64_t environment_now(void) {
    uint64_t control, status;
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(control), "=r"(status) : : "memory");
    return status << 32 | control;
}

static inline void set_environment(uint64_t word) {
    uint64_t control = (uint32_t)word, status = word >> 32;
    __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1" : : "r"(control), "r"(status) : "memory");
}

#else
#error "machine.h knows no such machine; say its registers here"
#endif

_Static_assert(sizeof register_names / sizeof *register_names == REGISTERS, "a name each");

enum { INTEGERS = 10, DOUBLES = 8, VECTOR_WORDS = VECTOR_BYTES / 8 };
typedef uint64_t vector __attribute__((vector_size(VECTOR_BYTES)));

// In a register at this point, and from then on of a value that the compiler does not know: it can
// neither leave the value where it came from nor compute it anew.
#define HOLD4(class, v, k)                                                                     \
    __asm__ volatile("" : class(v[k]), class(v[(k) + 1]), class(v[(k) + 2]), class(v[(k) + 3]))
#define HOLD5(class, v, k)                                                                     \
    __asm__ volatile(""                                                                        \
                     : class(v[k]), class(v[(k) + 1]), class(v[(k) + 2]), class(v[(k) + 3]),   \
                       class(v[(k) + 4]))
#define HOLD(integers, doubles, vectors)                                                       \
    do {                                                                                       \
        HOLD5("+r", integers, 0);                                                              \
        HOLD5("+r", integers, 5);                                                              \
        HOLD4(IN_VECTOR, doubles, 0);                                                          \
        HOLD4(IN_VECTOR, doubles, 4);                                                          \
        HOLD4(IN_VECTOR, vectors, 0);                                                          \
        HOLD4(IN_VECTOR, vectors, 4);                                                          \
        if (VECTORS == 16) {                                                                   \
            HOLD4(IN_VECTOR, vectors, VECTORS - 8);                                            \
            HOLD4(IN_VECTOR, vectors, VECTORS - 4);                                            \
        }                                                                                      \
    } while (0)
