/*
 * audit/queue.c
 */
#include "postgres.h"

#include <sys/mman.h>

#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "audit/queue.h"
#include "base/compat.h"
#include "crypto/random.h"

/* What lies in front of a line. */
typedef struct Slot
{
	uint32		size;			/* with what is in front, and rounded up */
	uint32		len;			/* of the line; 0: nothing but the rest of the ring */
	pg_crc32c	crc;
	pg_atomic_uint32 ready;
} Slot;

#define ALIGN_SLOT(len)	TYPEALIGN(16, (len))

StaticAssertDecl(sizeof(Slot) == 16, "the smallest piece of the ring holds a slot");

struct Queue
{
	slock_t		mutex;			/* held for a few instructions: nothing under it waits or fails */
	Oid			database;		/* InvalidOid: free */
	uint64		end;			/* where the next line goes */
	uint64		done;			/* up to here it is on disk */
	int64		lines;			/* between the two */
	int64		last_id;
	TimestampTz oldest;
	Post		post;
	int			attempts;		/* of workers, since one had done something; survives crashes */
	pg_atomic_uint32 changes;
	pg_atomic_uint32 asked_rounds;
	pg_atomic_uint32 rounds;
	int64		head_number;	/* 0: no digest yet in this run */
	Oid			head_extension;
	uint8		head[HASH_LEN];
	char		padding[PG_CACHE_LINE_SIZE];
};

typedef struct Mapping
{
	int64		run;
	Size		ring_size;
	Latch	   *spare;			/* of the spare worker, where there is one */
	Queue		queues[MAX_QUEUES];
} Mapping;

#define LOCKED(queue, statement) \
	do { \
		SpinLockAcquire(&(queue)->mutex); \
		statement; \
		SpinLockRelease(&(queue)->mutex); \
	} while (0)

static Mapping *mapping = NULL;
static ConditionVariable *conditions = NULL;	/* in PostgreSQL's shared memory, anew after each crash */
static int	queue_size_kb = 16384;

static shmem_startup_hook_type prev_shmem_startup_hook = NULL;
#if HAVE_SHMEM_REQUEST_HOOK
static shmem_request_hook_type prev_shmem_request_hook = NULL;
#endif

/* ---- the mapping ---- */

static char *
ring_of(const Queue *queue)
{
	return (char *) mapping + TYPEALIGN(4096, sizeof(Mapping)) + (Size) queue_index(queue) * mapping->ring_size;
}

static bool
map_queues(void)
{
	Size		ring_size = (Size) queue_size_kb * 1024;
	Size		size = TYPEALIGN(4096, sizeof(Mapping)) + MAX_QUEUES * ring_size;
	void	   *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
	{
		ereport(LOG,
				(errmsg("secrets: could not map the audit's queues: %m"),
				 errhint("Lower secrets.audit_queue_size; until then every read is refused.")));
		return false;
	}
	mapping = memory;
	mapping->ring_size = ring_size;
	if (!random_public(&mapping->run, sizeof(mapping->run)) || mapping->run == 0)
		mapping->run = GetCurrentTimestamp();
	for (int i = 0; i < MAX_QUEUES; i++)
	{
		pg_atomic_init_u32(&mapping->queues[i].changes, 0);
		pg_atomic_init_u32(&mapping->queues[i].asked_rounds, 0);
		pg_atomic_init_u32(&mapping->queues[i].rounds, 0);
	}
	return true;
}

/* Nobody is left who could hold a mutex, or write on at a line. */
static void
forget_processes(void)
{
	mapping->spare = NULL;
	for (int i = 0; i < MAX_QUEUES; i++)
	{
		SpinLockInit(&mapping->queues[i].mutex);
		memset(&mapping->queues[i].post, 0, sizeof(Post));
	}
}

/* With the position in it: at the same place lay a line when the ring went round the last time, perhaps an equal one. */
static pg_crc32c
checksum(uint64 at, const void *data, size_t len)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, &at, sizeof(at));
	COMP_CRC32C(crc, data, len);
	FIN_CRC32C(crc);
	return crc;
}

/* A slot that was reserved and not filled: its size is right, for it was there before the end moved. */
static void
close_torn_slots(Queue *queue)
{
	uint64		at = queue->done;

	while (at < queue->end)
	{
		Slot	   *slot = (Slot *) (ring_of(queue) + at % mapping->ring_size);

		if (slot->size < sizeof(Slot) || slot->size > mapping->ring_size)
		{
			queue->end = at;	/* cannot be; rather lose the rest than run wild */
			break;
		}
		pg_atomic_write_u32(&slot->ready, 1);	/* the checksum says whether it is whole */
		at += slot->size;
	}
}

static void
on_shmem_startup(void)
{
	bool		found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	conditions = ShmemInitStruct("secrets audit", sizeof(ConditionVariable) * MAX_QUEUES, &found);
	for (int i = 0; !found && i < MAX_QUEUES; i++)
		ConditionVariableInit(&conditions[i]);
	LWLockRelease(AddinShmemInitLock);

	if (mapping == NULL && !map_queues())
		return;
	forget_processes();
	for (int i = 0; i < MAX_QUEUES; i++)
		close_torn_slots(&mapping->queues[i]);
}

static void
request_memory(void)
{
#if HAVE_SHMEM_REQUEST_HOOK
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
#endif
	RequestAddinShmemSpace(sizeof(ConditionVariable) * MAX_QUEUES);
}

void
queue_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	DefineCustomIntVariable("secrets.audit_queue_size",
							"How much of the audit may wait in memory, for each database.",
							"A read's line takes about 250 bytes. Reads wait when it is full, and are refused after "
							"5 seconds. Memory is taken as it is needed. On a standby it is what can be kept while "
							"the primary is out of reach.",
							&queue_size_kb, 16384, 256, 1024 * 1024, PGC_POSTMASTER, GUC_UNIT_KB, NULL, NULL, NULL);
#if HAVE_SHMEM_REQUEST_HOOK
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
#else
	request_memory();
#endif
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = on_shmem_startup;
}

int64
queue_run(void)
{
	return mapping ? mapping->run : 0;
}

int64
queue_identity(const Queue *queue)
{
	return mapping->run ^ queue_index(queue);
}

Queue *
queue_number(int i)
{
	return mapping ? &mapping->queues[i] : NULL;
}

int
queue_index(const Queue *queue)
{
	return (int) (queue - mapping->queues);
}

Oid
queue_database(const Queue *queue)
{
	return queue->database;
}

Queue *
queue_of(Oid database)
{
	for (int i = 0; mapping && i < MAX_QUEUES; i++)
		if (mapping->queues[i].database == database)
			return &mapping->queues[i];
	return NULL;
}

/*
 * Where no queue has been yet: what digests say of positions in the queue that
 * this database had before, or that its template had, then lies behind.
 */
static uint64
find_new_start(void)
{
	uint64		start = 0;

	for (int i = 0; i < MAX_QUEUES; i++)
		start = Max(start, queue_end(&mapping->queues[i]));
	return (start / mapping->ring_size + 1) * mapping->ring_size;
}

/* Free, or of a database that has nothing to say now. */
static bool
try_claim(Queue *queue, bool unused_only)
{
	uint64		start = find_new_start();
	bool		mine = false;

	SpinLockAcquire(&queue->mutex);
	if (!OidIsValid(queue->database) || (!unused_only && queue->end == queue->done && queue->post.pid == 0))
	{
		queue->database = MyDatabaseId;
		queue->end = queue->done = start;
		queue->head_number = 0;
		queue->last_id = 0;
		memset(&queue->post, 0, sizeof(Post));
		mine = true;
	}
	SpinLockRelease(&queue->mutex);
	return mine;
}

static Queue *
claim(void)
{
	Queue	   *queue;

	/* Two of one database may come at once. */
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	queue = queue_of(MyDatabaseId);
	for (int i = 0; queue == NULL && i < 2 * MAX_QUEUES; i++)
		if (try_claim(&mapping->queues[i % MAX_QUEUES], i < MAX_QUEUES))
			queue = &mapping->queues[i % MAX_QUEUES];
	LWLockRelease(AddinShmemInitLock);
	return queue;
}

Queue *
queue_mine(void)
{
	static Queue *mine = NULL;

	if (mapping == NULL)
		return NULL;
	if (mine == NULL || mine->database != MyDatabaseId)
		mine = queue_of(MyDatabaseId);
	if (mine == NULL)
		mine = claim();
	return mine;
}

/* ---- lines ---- */

/* Under the mutex: ids ascend in the order of the queue. */
static int64
next_id(Queue *queue, TimestampTz now)
{
	queue->last_id = Max(queue->last_id + 1, now);
	return queue->last_id;
}

int64
queue_next_id(Queue *queue, TimestampTz now)
{
	static int64 last = 0;

	if (queue == NULL)
		return last = Max(last + 1, now);
	SpinLockAcquire(&queue->mutex);
	last = next_id(queue, now);
	SpinLockRelease(&queue->mutex);
	return last;
}

void
queue_raise_id(Queue *queue, int64 event_id)
{
	SpinLockAcquire(&queue->mutex);
	queue->last_id = Max(queue->last_id, event_id);
	SpinLockRelease(&queue->mutex);
}

static void
open_slot(Queue *queue, uint64 at, uint32 size, uint32 len, uint32 ready)
{
	Slot	   *slot = (Slot *) (ring_of(queue) + at % mapping->ring_size);

	slot->size = size;
	slot->len = len;
	pg_atomic_init_u32(&slot->ready, ready);
}

/* Room for a line, in one piece.  NULL: full. */
static Slot *
reserve(Queue *queue, QueuedLine *line, uint64 *until)
{
	uint32		size = ALIGN_SLOT(sizeof(Slot) + line->len);
	Slot	   *slot = NULL;
	/* One from a standby is as old as it may be; here it begins to wait now. */
	TimestampTz now = line->origin != 0 ? GetCurrentTimestamp() : line->at;
	uint64		at;
	Size		left;

	SpinLockAcquire(&queue->mutex);
	at = queue->end;
	left = mapping->ring_size - at % mapping->ring_size;
	if (left < size)
		at += left;				/* it would go round the corner */
	if (queue->database == MyDatabaseId && at + size - queue->done <= mapping->ring_size)
	{
		if (at != queue->end)
			open_slot(queue, queue->end, (uint32) left, 0, 1);
		open_slot(queue, at, size, line->len, 0);
		slot = (Slot *) (ring_of(queue) + at % mapping->ring_size);
		line->event_id = next_id(queue, now);
		if (queue->end == queue->done)
			queue->oldest = now;
		queue->lines++;
		*until = at + size;
		pg_write_barrier();		/* who is killed here has left slots of the right size */
		queue->end = at + size;
	}
	SpinLockRelease(&queue->mutex);
	return slot;
}

/* Nothing between the two halves can fail or be interrupted. */
bool
queue_push(Queue *queue, QueuedLine *line, uint64 *until)
{
	Slot	   *slot = reserve(queue, line, until);

	if (slot == NULL)
		return false;
	memcpy(slot + 1, line, line->len);
	slot->crc = checksum(*until - slot->size, line, line->len);
	pg_write_barrier();
	pg_atomic_write_u32(&slot->ready, 1);
	return true;
}

const QueuedLine *
queue_peek(Queue *queue, uint64 *at, uint64 end, size_t *len)
{
	Slot	   *slot;

	while (*at < end)
	{
		slot = (Slot *) (ring_of(queue) + *at % mapping->ring_size);
		if (pg_atomic_read_u32(&slot->ready) == 0)
			return NULL;
		pg_read_barrier();
		*at += slot->size;
		if (slot->len == 0)
			continue;
		*len = checksum(*at - slot->size, slot + 1, slot->len) == slot->crc ? slot->len : 0;
		return (const QueuedLine *) (slot + 1);
	}
	return NULL;
}

void
queue_take(Queue *queue, uint64 until)
{
	int64		lines = 0;
	uint64		at = queue->done;

	while (at < until)
	{
		const Slot *slot = (const Slot *) (ring_of(queue) + at % mapping->ring_size);

		if (at >= queue->end || slot->size < sizeof(Slot))
			elog(ERROR, "more was written of the audit's queue than was in it");
		lines += slot->len > 0;
		at += slot->size;
	}
	SpinLockAcquire(&queue->mutex);
	queue->done = until;
	queue->lines -= lines;
	queue->oldest = queue->end == until ? 0 : GetCurrentTimestamp();
	SpinLockRelease(&queue->mutex);
	ConditionVariableBroadcast(&conditions[queue_index(queue)]);
}

/* Its database is gone. */
void
queue_free(Queue *queue)
{
	queue_forget(queue);
	LOCKED(queue, if (queue->post.pid == 0) queue->database = InvalidOid);
}

/* The database is gone, or its catalogs are. */
void
queue_forget(Queue *queue)
{
	SpinLockAcquire(&queue->mutex);
	queue->done = queue->end;
	queue->lines = 0;
	queue->oldest = 0;
	queue->head_number = 0;
	SpinLockRelease(&queue->mutex);
	ConditionVariableBroadcast(&conditions[queue_index(queue)]);
}

bool
line_to_event(const QueuedLine *line, size_t len, AuditEvent *event)
{
	const char **strings[NUM_STRINGS] = {
		&event->name, &event->login, &event->role, &event->actor, &event->client_addr, &event->application_name,
		&event->reason, &event->detail
	};
	const char *at = (const char *) (line + 1);
	const char *end = (const char *) line + len;

	if (len < sizeof(QueuedLine) || line->len != len || line->action > ACTION_CONFIG
		|| line->outcome > OUTCOME_STARTED || line->via > VIA_SCHEDULER)
		return false;
	memset(event, 0, sizeof(*event));
	event->event_id = line->event_id;
	event->at = line->at;
	event->txid = line->txid;
	event->version = line->version;
	event->id = line->id;
	event->rule = line->rule;
	event->has_id = line->has_id;
	event->has_rule = line->has_rule;
	event->pid = line->pid;
	event->action = (AuditAction) line->action;
	event->outcome = (AuditOutcome) line->outcome;
	event->via = (AuditVia) line->via;
	for (int i = 0; i < NUM_STRINGS; i++)
	{
		const char *zero;

		if (!(line->strings & (1 << i)))
			continue;
		if ((zero = memchr(at, '\0', (size_t) (end - at))) == NULL)
			return false;
		*strings[i] = at;
		at = zero + 1;
	}
	return true;
}

/* ---- for those who wait ---- */

uint64
queue_end(const Queue *queue)
{
	uint64		end = *(volatile uint64 *) &queue->end;

	pg_read_barrier();
	return end;
}

uint64
queue_done(const Queue *queue)
{
	return *(volatile uint64 *) &queue->done;
}

uint64
queue_depth(const Queue *queue)
{
	return queue_end(queue) - queue_done(queue);
}

int64
queue_lines(const Queue *queue)
{
	return *(volatile int64 *) &queue->lines;
}

TimestampTz
queue_oldest(const Queue *queue)
{
	return *(volatile TimestampTz *) &queue->oldest;
}

bool
queue_is_half_full(const Queue *queue)
{
	return queue_depth(queue) > mapping->ring_size / 2;
}

void
queue_sleep(Queue *queue, int timeout, uint32 wait_event)
{
	(void) ConditionVariableTimedSleep(&conditions[queue_index(queue)], timeout, wait_event);
}

void
queue_end_sleep(void)
{
	ConditionVariableCancelSleep();
}

/* ---- the post ---- */

void
queue_get_post(Queue *queue, Post *post)
{
	LOCKED(queue, *post = queue->post);
}

bool
queue_has_worker(const Queue *queue)
{
	return *(volatile int *) &queue->post.pid != 0;
}

/* What the caller has pushed must be seen before: else it and a worker that lies down miss each other. */
bool
queue_worker_sleeps(const Queue *queue)
{
	pg_memory_barrier();
	return *(volatile bool *) &queue->post.asleep;
}

/* False: another one is there already, or none may. */
bool
queue_take_post(Queue *queue, int pid, Latch *latch)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		mine;

	SpinLockAcquire(&queue->mutex);
	mine = queue->post.pid == 0 && queue->post.kept_away_until <= now;
	if (mine)
	{
		queue->post.pid = pid;
		queue->post.latch = latch;
		queue->post.since = now;
		queue->post.leave = queue->post.asleep = queue->post.holding = queue->post.wanting = false;
	}
	SpinLockRelease(&queue->mutex);
	return mine;
}

void
queue_leave_post(Queue *queue)
{
	SpinLockAcquire(&queue->mutex);
	queue->post.pid = 0;
	queue->post.latch = NULL;
	queue->post.started = 0;
	queue->post.asleep = queue->post.leave = false;
	SpinLockRelease(&queue->mutex);
	if (conditions)
		ConditionVariableBroadcast(&conditions[queue_index(queue)]);
}

int
queue_count_attempt(Queue *queue)
{
	int			attempts;

	LOCKED(queue, attempts = ++queue->attempts);
	return attempts;
}

void
queue_reset_attempts(Queue *queue)
{
	LOCKED(queue, queue->attempts = 0);
}

void
queue_set_asleep(Queue *queue, bool asleep)
{
	LOCKED(queue, queue->post.asleep = asleep);
}

void
queue_set_holding(Queue *queue, bool holding)
{
	LOCKED(queue, queue->post.holding = holding);
}

void
queue_set_trouble(Queue *queue, const char *trouble)
{
	LOCKED(queue, strlcpy(queue->post.trouble, trouble, sizeof(queue->post.trouble)));
}

/* True: it is the caller's to start one.  Who was asked a moment ago is given that long. */
bool
queue_begin_start(Queue *queue, TimestampTz now, int again_after)
{
	bool		mine;

	SpinLockAcquire(&queue->mutex);
	mine = queue->post.pid == 0 && queue->post.kept_away_until <= now
		&& (queue->post.started == 0 || now - queue->post.started > INT64CONST(1000) * again_after
			|| queue->post.started > now);
	if (mine)
		queue->post.started = now;
	SpinLockRelease(&queue->mutex);
	return mine;
}

void
queue_fail_start(Queue *queue)
{
	LOCKED(queue, queue->post.started = 0; queue->post.wanting = true);
}

void
queue_ask_to_leave(Queue *queue, bool leave)
{
	LOCKED(queue, queue->post.leave = leave && queue->post.pid != 0);
	queue_wake(queue);
}

void
queue_keep_away(Queue *queue, TimestampTz until)
{
	LOCKED(queue, queue->post.kept_away_until = until);
}

/* The latch of one who has gone may be another process's by now: that one looks around and sleeps on. */
void
queue_wake(const Queue *queue)
{
	Latch	   *latch = *(Latch *volatile *) &queue->post.latch;

	if (latch)
		SetLatch(latch);
}

void
queue_set_spare(Latch *latch)
{
	mapping->spare = latch;
}

void
queue_wake_spare(void)
{
	Latch	   *latch = *(Latch *volatile *) &mapping->spare;

	if (latch)
		SetLatch(latch);
}

Queue *
queue_find_wanting(void)
{
	for (int i = 0; mapping && i < MAX_QUEUES; i++)
	{
		Queue	   *queue = &mapping->queues[i];

		if (OidIsValid(queue->database) && *(volatile bool *) &queue->post.wanting && !queue_has_worker(queue))
			return queue;
	}
	return NULL;
}

void
queue_tell_change(Queue *queue)
{
	pg_atomic_fetch_add_u32(&queue->changes, 1);
}

uint32
queue_changes(const Queue *queue)
{
	return pg_atomic_read_u32(unconstify(pg_atomic_uint32 *, &queue->changes));
}

uint32
queue_ask_round(Queue *queue)
{
	return pg_atomic_add_fetch_u32(&queue->asked_rounds, 1);
}

uint32
queue_asked_rounds(const Queue *queue)
{
	return pg_atomic_read_u32(unconstify(pg_atomic_uint32 *, &queue->asked_rounds));
}

uint32
queue_rounds(const Queue *queue)
{
	return pg_atomic_read_u32(unconstify(pg_atomic_uint32 *, &queue->rounds));
}

void
queue_end_round(Queue *queue, uint32 round)
{
	pg_atomic_write_u32(&queue->rounds, round);
	ConditionVariableBroadcast(&conditions[queue_index(queue)]);
}

void
queue_set_head(Queue *queue, Oid extension, int64 number, const uint8 head[HASH_LEN])
{
	SpinLockAcquire(&queue->mutex);
	queue->head_extension = extension;
	queue->head_number = number;
	memcpy(queue->head, head, HASH_LEN);
	SpinLockRelease(&queue->mutex);
}

bool
queue_get_head(Queue *queue, Oid extension, int64 *number, uint8 head[HASH_LEN])
{
	bool		is_same;

	SpinLockAcquire(&queue->mutex);
	is_same = !OidIsValid(extension) || queue->head_extension == extension;
	*number = queue->head_number;
	memcpy(head, queue->head, HASH_LEN);
	SpinLockRelease(&queue->mutex);
	return is_same && *number != 0;
}
