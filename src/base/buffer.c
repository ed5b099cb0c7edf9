/*
 * base/buffer.c
 */
#include "postgres.h"

#include "storage/shmem.h"
#include "utils/memutils.h"

#include "base/buffer.h"

struct SecretBuffer
{
	MemoryContextCallback on_reset;
	MemoryContext context;
	Size		capacity;
	Size		len;
	char		data[FLEXIBLE_ARRAY_MEMBER];
};

static void
wipe(void *arg)
{
	SecretBuffer *buf = arg;

	explicit_bzero(buf->data, buf->capacity);
}

SecretBuffer *
buffer_alloc(Size capacity)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "secret buffer", ALLOCSET_SMALL_SIZES);
	SecretBuffer *buf = MemoryContextAlloc(context, add_size(offsetof(SecretBuffer, data), capacity));

	buf->context = context;
	buf->capacity = capacity;
	buf->len = capacity;
	buf->on_reset.func = wipe;
	buf->on_reset.arg = buf;
	MemoryContextRegisterResetCallback(context, &buf->on_reset);
	return buf;
}

char *
buffer_data(SecretBuffer *buf)
{
	return buf->data;
}

Size
buffer_len(SecretBuffer *buf)
{
	return buf->len;
}

void
buffer_set_len(SecretBuffer *buf, Size len)
{
	Assert(len <= buf->capacity);
	buf->len = len;
}

void
buffer_free(SecretBuffer *buf)
{
	MemoryContextDelete(buf->context);
}

typedef struct Debt
{
	MemoryContextCallback on_reset;
	void	   *data;
	Size		len;
} Debt;

static void
pay(void *arg)
{
	Debt	   *debt = arg;

	explicit_bzero(debt->data, debt->len);
}

void
buffer_wipe_later(void *data, Size len)
{
	Debt	   *debt = palloc(sizeof(Debt));

	debt->data = data;
	debt->len = len;
	debt->on_reset.func = pay;
	debt->on_reset.arg = debt;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &debt->on_reset);
}

#define SCRATCH_SIZE (64 * 1024)	/* one block, which a reset keeps */
#define SCRATCH_PIECE 64

/* What was in use is free by then; so it is taken once more, piece by piece, until a second block is. */
static void
wipe_scratch(void *arg)
{
	MemoryContext scratch = arg;
	Size		size;
	void	   *piece;

	MemoryContextResetOnly(scratch);
	size = MemoryContextMemAllocated(scratch, false);
	while ((piece = MemoryContextAllocExtended(scratch, SCRATCH_PIECE, MCXT_ALLOC_NO_OOM)) != NULL
		   && MemoryContextMemAllocated(scratch, false) == size)
		explicit_bzero(piece, SCRATCH_PIECE);
}

MemoryContext
buffer_scratch(void)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "secrets scratch", SCRATCH_SIZE, SCRATCH_SIZE, SCRATCH_SIZE);
	MemoryContextCallback *on_reset = MemoryContextAlloc(scratch, sizeof(MemoryContextCallback));

	on_reset->func = wipe_scratch;
	on_reset->arg = scratch;
	MemoryContextRegisterResetCallback(scratch, on_reset);
	return scratch;
}
