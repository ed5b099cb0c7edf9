/*
 * store/hint.h: where a row was found the last time.
 *
 * A session reads the same few secrets over and over, and what such a read
 * costs is mostly two descents of two indexes.  A hint says in which buffer, at
 * which place the row was.  It is never believed: the row that is there must be
 * visible to the snapshot and must be the one that is looked for.  Names and
 * numbers are unique, so a visible row with the right key is the row; anything
 * else, and the index is asked.
 *
 * A fixed table in each process: 128 kB, whatever is read.
 */
#ifndef SECRETS_STORE_HINT_H
#define SECRETS_STORE_HINT_H

#include "access/htup.h"
#include "storage/buf.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/*
 * Fetches what the hint for this key points at, if it is visible; the tuple
 * stays valid until hint_release().  False: there is nothing to release.
 */
extern bool hint_fetch(Relation rel, uint32 key, Snapshot snapshot, HeapTuple tuple, Buffer *buffer);
extern void hint_release(Buffer buffer);

/* The row of that key is this one, found through an index and still pinned by its scan. */
extern void hint_remember(Relation rel, uint32 key, HeapTuple tuple);

#endif
