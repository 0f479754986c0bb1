// Proves that a switch keeps every register bit for bit: the walk of Sources/CRegisters, as a program.
//
//   check-registers WAY SWITCHES SEED   one line; exit 1 on a mismatch
//   check-registers --self-check SEED   damages one word at a time, which must be found
//   check-registers --ways              the ways to switch, one a line
#include "CRegisters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const char *what) { printf("FAILED  %s\n", what); }

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0); // a broken switch may well crash after what it printed
    if (count == 2 && strcmp(arguments[1], "--ways") == 0) {
        for (int way = 0; way < gb_ways; way++) puts(gb_way_name(way));
        return 0;
    }
    if (count == 3 && strcmp(arguments[1], "--self-check") == 0) {
        gb_self_check found = gb_walk_self_check(strtoull(arguments[2], NULL, 10), say);
        printf("%d passed, %d failed\n", found.passed, found.failed);
        return found.failed != 0;
    }
    for (int way = 0; count == 4 && way < gb_ways; way++) {
        if (strcmp(arguments[1], gb_way_name(way)) != 0) continue;
        gb_walked walked = gb_walk(way, strtoull(arguments[2], NULL, 10),
                                   strtoull(arguments[3], NULL, 10), say);
        printf("%s: %" PRIu64 " switches, %" PRIu64 " mismatches\n", gb_way_name(way),
               walked.checked, walked.mismatches);
        return walked.mismatches != 0;
    }
    fprintf(stderr, "check-registers: give a way, the switches and a seed, or --self-check and a "
                    "seed, or --ways\n");
    return 64;
}
