// What the parts of the VFS know of each other.
#ifndef FAULTS_H
#define FAULTS_H

#include "CStoreFaults.h"

#include <sqlite3.h>

// Called before the file is changed.
void gbv_note_write(const char *path, const void *bytes, int amount, sqlite3_int64 offset);
void gbv_note_truncation(const char *path, sqlite3_int64 size);

// What was written to this file is safe, or of no more account.
void gbv_note_sync(const char *path);

#endif
