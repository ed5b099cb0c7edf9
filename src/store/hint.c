/*
 * store/hint.c
 */
#include "postgres.h"

#include "access/heapam.h"
#include "storage/bufmgr.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "store/hint.h"

#define HINTS 8192

typedef struct Hint
{
	uint32		key;
	Buffer		buffer;
	ItemPointerData tid;
} Hint;

static Hint hints[HINTS];

bool
hint_fetch(Relation rel, uint32 key, Snapshot snapshot, HeapTuple tuple, Buffer *buffer)
{
	const Hint *hint = &hints[key % HINTS];
	bool		visible;

	if (hint->key != key || hint->buffer == InvalidBuffer)
		return false;

	/*
	 * Is that block of that file in that buffer still?  If so it exists: the
	 * table, which we have locked, cannot be truncated under us.
	 */
	if (!ReadRecentBuffer(RELATION_FILE(rel), MAIN_FORKNUM, ItemPointerGetBlockNumber(&hint->tid), hint->buffer))
		return false;
	tuple->t_self = hint->tid;
	visible = heap_fetch_visible(rel, snapshot, tuple, buffer);
	ReleaseBuffer(hint->buffer);
	return visible;
}

void
hint_release(Buffer buffer)
{
	ReleaseBuffer(buffer);
}

/*
 * The scan has the tuple's buffer pinned, but does not say which it is: ask
 * the buffer manager, once a row.
 */
void
hint_remember(Relation rel, uint32 key, HeapTuple tuple)
{
	Hint	   *hint = &hints[key % HINTS];
	Buffer		buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(&tuple->t_self));

	hint->key = key;
	hint->buffer = buffer;
	hint->tid = tuple->t_self;
	ReleaseBuffer(buffer);
}
