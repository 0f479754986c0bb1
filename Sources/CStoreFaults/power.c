// A power failure: which writes were not synced, and what is left of them.

#define _GNU_SOURCE
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/// The unit in which a disk writes.
enum { sector = 512 };

/// A change of a file, with what was there before.
typedef struct note {
  struct note *next;
  struct note *before;
  char *path;
  bool is_truncation;
  off_t offset;
  off_t size_before;
  size_t old_count;
  size_t new_count;
  unsigned char *old_bytes;
  unsigned char *new_bytes;
} note_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool remembers;
static note_t *oldest;
static note_t *newest;

static void drop(note_t *note) {
  if (note->before != NULL) note->before->next = note->next;
  else oldest = note->next;
  if (note->next != NULL) note->next->before = note->before;
  else newest = note->before;
  free(note->path);
  free(note->old_bytes);
  free(note->new_bytes);
  free(note);
}

void gbv_remember(void) {
  pthread_mutex_lock(&lock);
  while (oldest != NULL) drop(oldest);
  remembers = true;
  pthread_mutex_unlock(&lock);
}

// What lies in a range of a file, as far as there is a file.
static void keep_old(note_t *note, size_t amount) {
  struct stat facts;
  int file = open(note->path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  if (fstat(file, &facts) == 0) {
    note->size_before = facts.st_size;
    off_t left = facts.st_size - note->offset;
    if (note->is_truncation) amount = left > 0 ? (size_t)left : 0;
    if (left > 0 && amount > 0) {
      note->old_bytes = malloc(amount);
      ssize_t count = note->old_bytes ? pread(file, note->old_bytes, amount, note->offset) : 0;
      note->old_count = count > 0 ? (size_t)count : 0;
    }
  }
  close(file);
}

static void add(const char *path, bool truncates, const void *bytes, size_t amount, off_t offset) {
  // A file of SQLite's own that has no name does not survive anyway.
  if (path == NULL) return;
  pthread_mutex_lock(&lock);
  note_t *note = remembers ? calloc(1, sizeof(note_t)) : NULL;
  if (note != NULL) {
    note->path = strdup(path);
    note->is_truncation = truncates;
    note->offset = offset;
    keep_old(note, amount);
    if (bytes != NULL && (note->new_bytes = malloc(amount)) != NULL) {
      memcpy(note->new_bytes, bytes, amount);
      note->new_count = amount;
    }
    note->before = newest;
    if (newest != NULL) newest->next = note;
    else oldest = note;
    newest = note;
  }
  pthread_mutex_unlock(&lock);
}

void gbv_note_write(const char *path, const void *bytes, int amount, sqlite3_int64 offset) {
  add(path, false, bytes, (size_t)amount, offset);
}

void gbv_note_truncation(const char *path, sqlite3_int64 size) { add(path, true, NULL, 0, size); }

void gbv_note_sync(const char *path) {
  if (path == NULL) return;
  pthread_mutex_lock(&lock);
  for (note_t *note = oldest; note != NULL;) {
    note_t *next = note->next;
    if (strcmp(note->path, path) == 0) drop(note);
    note = next;
  }
  pthread_mutex_unlock(&lock);
}

// SplitMix64.
static uint64_t draw(uint64_t *state) {
  uint64_t mixed = *state += 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
  return mixed ^ mixed >> 31;
}

static bool put(int file, const unsigned char *bytes, size_t count, off_t offset) {
  return count == 0 || pwrite(file, bytes, count, offset) == (ssize_t)count;
}

// As it was before the change.
static bool undo(int file, const note_t *note) {
  if (!put(file, note->old_bytes, note->old_count, note->offset)) return false;
  return note->is_truncation || ftruncate(file, note->size_before) == 0;
}

// Some of the change.
static bool redo_some(int file, const note_t *note, uint64_t *state) {
  if (note->is_truncation) return draw(state) % 2 == 0 || ftruncate(file, note->offset) == 0;
  for (size_t done = 0; done < note->new_count;) {
    off_t place = note->offset + (off_t)done;
    size_t count = sector - (size_t)(place % sector);
    if (count > note->new_count - done) count = note->new_count - done;
    unsigned char garbage[sector];
    switch (draw(state) % 4) {
    case 0: break;
    case 1:
      for (size_t index = 0; index < count; index++) garbage[index] = (unsigned char)draw(state);
      if (!put(file, garbage, count, place)) return false;
      break;
    default:
      if (!put(file, note->new_bytes + done, count, place)) return false;
    }
    done += count;
  }
  return true;
}

// Each file by its name: it may have been made since, and its last descriptor is closed.
static bool apply(const note_t *note, bool (*change)(int, const note_t *, uint64_t *),
                  uint64_t *state) {
  int file = open(note->path, O_RDWR | O_CLOEXEC);
  if (file < 0) return errno == ENOENT;
  bool is_done = change(file, note, state);
  close(file);
  return is_done;
}

static bool undo_all(int file, const note_t *note, uint64_t *state) {
  (void)state;
  return undo(file, note);
}

int gbv_lose(uint64_t seed) {
  uint64_t state = seed;
  int error = 0;
  pthread_mutex_lock(&lock);
  remembers = false;
  for (note_t *note = newest; note != NULL && error == 0; note = note->before) {
    if (!apply(note, undo_all, &state)) error = errno;
  }
  for (note_t *note = oldest; note != NULL && error == 0; note = note->next) {
    if (!apply(note, redo_some, &state)) error = errno;
  }
  while (oldest != NULL) drop(oldest);
  pthread_mutex_unlock(&lock);
  return error;
}
