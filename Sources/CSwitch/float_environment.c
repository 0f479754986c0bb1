// The floating-point control words, which only contexts that ask for their own pay for.
#include "CSwitch.h"

#if defined(__x86_64__)

gb_float_environment gb_float_save(void) {
    uint32_t mxcsr;
    uint16_t x87;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
    return (gb_float_environment){(uint64_t)mxcsr | (uint64_t)x87 << 32};
}

void gb_float_load(gb_float_environment environment) {
    uint32_t mxcsr = (uint32_t)environment.word;
    uint16_t x87 = (uint16_t)(environment.word >> 32);
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(x87) : "memory");
}

#elif defined(__aarch64__)

gb_float_environment gb_float_save(void) {
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return (gb_float_environment){fpcr};
}

void gb_float_load(gb_float_environment environment) {
    __asm__ volatile("msr fpcr, %0" : : "r"(environment.word) : "memory");
}

#endif
