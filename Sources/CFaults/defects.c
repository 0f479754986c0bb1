// Defects that a sanitizer or Valgrind has to report: what proves that it is on.
#include "CFaults.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

__attribute__((noinline)) int gb_read_freed(void) {
    // Through memory that changes, or the compiler would know what is read, and leave it out.
    int *volatile place = malloc(sizeof *place);
    if (!place) abort();
    *place = 1;
    free(place);
    return *place;
}

__attribute__((noinline)) int gb_branch_on_nothing(void) {
    int *volatile place = malloc(sizeof *place);
    if (!place) abort();
    volatile int answer = 0;
    if (*place > 1) answer = 1;
    free(place);
    return answer;
}

__attribute__((noinline)) int gb_branch_on(const void *place) {
    volatile int answer = 0;
    if (*(const volatile int *)place > 1) answer = 1;
    return answer;
}

__attribute__((noinline)) int gb_add_too_much(void) {
    volatile int most = INT_MAX;
    most += 1;
    return most;
}

static int shared;

static void *write_shared(void *unused) {
    (void)unused;
    for (int i = 0; i < 1000; i++) shared++;
    return 0;
}

int gb_race(void) {
    pthread_t other;
    if (pthread_create(&other, 0, write_shared, 0)) abort();
    write_shared(0);
    pthread_join(other, 0);
    return shared;
}
