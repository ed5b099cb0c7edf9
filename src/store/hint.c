/*
 * store/hint.c
 */
#include "postgres.h"

#include "access/heapam.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/predicate.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "store/hint.h"

#define SETS 4096
#define WAYS 2					/* the newer first; two rows of one set do not drive each other out */

typedef struct Hint
{
	uint32		key;
	Buffer		buffer;
	ItemPointerData tid;
} Hint;

static Hint hints[SETS][WAYS];

static const Hint *
find_hint(uint32 key)
{
	const Hint *set = hints[key % SETS];

	for (int i = 0; i < WAYS; i++)
		if (set[i].key == key && set[i].buffer != InvalidBuffer)
			return &set[i];
	return NULL;
}

/*
 * What heap_fetch() does with a buffer that it has found and pinned, which ours
 * is already: looking it up again was a tenth of what a read costs.
 */
static bool
take_visible(Relation rel, Buffer buffer, Snapshot snapshot, HeapTuple tuple)
{
	OffsetNumber offset = ItemPointerGetOffsetNumber(&tuple->t_self);
	Page		page = BufferGetPage(buffer);
	ItemId		item = NULL;
	bool		visible = false;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (offset <= PageGetMaxOffsetNumber(page) && ItemIdIsNormal(item = PageGetItemId(page, offset)))
	{
		tuple->t_data = (HeapTupleHeader) PageGetItem(page, item);
		tuple->t_len = ItemIdGetLength(item);
		tuple->t_tableOid = RelationGetRelid(rel);
		visible = HeapTupleSatisfiesVisibility(tuple, snapshot, buffer);
		if (visible)
			PredicateLockTID(rel, &tuple->t_self, snapshot, HeapTupleHeaderGetXmin(tuple->t_data));
		HeapCheckForSerializableConflictOut(visible, rel, tuple, buffer, snapshot);
	}
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	return visible;
}

bool
hint_fetch(Relation rel, uint32 key, Snapshot snapshot, HeapTuple tuple, Buffer *buffer)
{
	const Hint *hint = find_hint(key);

	/*
	 * Is that block of that file in that buffer still?  If so it exists: the
	 * table, which we have locked, cannot be truncated under us.
	 */
	if (hint == NULL
		|| !ReadRecentBuffer(RELATION_FILE(rel), MAIN_FORKNUM, ItemPointerGetBlockNumber(&hint->tid), hint->buffer))
		return false;
	*buffer = hint->buffer;
	tuple->t_self = hint->tid;
	if (take_visible(rel, *buffer, snapshot, tuple))
		return true;
	ReleaseBuffer(*buffer);
	return false;
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
	Hint	   *set = hints[key % SETS];
	Buffer		buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(&tuple->t_self));

	if (set[0].key != key)
		memmove(&set[1], &set[0], sizeof(Hint) * (WAYS - 1));
	set[0].key = key;
	set[0].buffer = buffer;
	set[0].tid = tuple->t_self;
	ReleaseBuffer(buffer);
}
