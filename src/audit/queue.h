/*
 * audit/queue.h: what was done, in shared memory, until the worker has written
 * it: one queue a database, inside the room.
 *
 * It is a mapping of its own, made by the postmaster before it forks, and not
 * PostgreSQL's shared memory: a backend's kill -9 starts that anew, and the
 * queue is there still.  Positions are bytes since the server started and only
 * grow; a line is in the queue from its push on, and the worker takes it out
 * when its transaction is on disk.
 *
 * Whoever dies in the middle of a push leaves a torn line behind: its length is
 * known, and it is passed over; nobody has been given a value for it.
 */
#ifndef SECRETS_AUDIT_QUEUE_H
#define SECRETS_AUDIT_QUEUE_H

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/latch.h"

#include "audit/event.h"

#define MAX_QUEUES	32

typedef struct Queue Queue;

extern void queue_init(void);

/* This database's, claimed where there is none yet.  NULL: not preloaded, or every queue is some other database's. */
extern Queue *queue_mine(void);

/* The same without claiming; and those of others. */
extern Queue *queue_of(Oid database);
extern Queue *queue_number(int i);
extern int	queue_index(const Queue *queue);
extern Oid	queue_database(const Queue *queue);

/* ---- lines ---- */

/* A line as it lies there, strings behind it one after the other, each with its zero byte. */
typedef struct QueuedLine
{
	int64		event_id;		/* given by queue_push() */
	TimestampTz at;
	int64		txid;
	int64		version;
	int64		origin;			/* the run of the standby's queue that it comes from, 0: from here */
	int64		origin_at;		/* and the position there */
	pg_uuid_t	id;
	pg_uuid_t	rule;
	int32		pid;
	uint8		action;
	uint8		outcome;
	uint8		via;
	uint8		has_id;
	uint8		has_rule;
	uint8		strings;		/* bits: which of the strings there are, in the order of QueuedString */
	uint16		len;			/* of all, with the strings */
} QueuedLine;

enum QueuedString
{
	STRING_NAME, STRING_LOGIN, STRING_ROLE, STRING_ACTOR, STRING_CLIENT_ADDR, STRING_APPLICATION_NAME,
	STRING_REASON, STRING_DETAIL, NUM_STRINGS
};

#define MAX_LINE	4096

/* Gives it its event_id and puts it at the end.  False: full.  *until: where it ends. */
extern bool queue_push(Queue *queue, QueuedLine *line, uint64 *until);

/* The event, whose strings point into the line.  False: it has not the form of one. */
extern bool line_to_event(const QueuedLine *line, size_t len, AuditEvent *event);

/* An event_id for a line that does not go through the queue; works without one. */
extern int64 queue_next_id(Queue *queue, TimestampTz now);
extern void queue_raise_id(Queue *queue, int64 event_id);

/* ---- for those who wait ---- */

/* How much is in it, since when the first line waits (0: empty), and how far the worker has got. */
extern uint64 queue_depth(const Queue *queue);
extern int64 queue_lines(const Queue *queue);
extern TimestampTz queue_oldest(const Queue *queue);
extern uint64 queue_done(const Queue *queue);
extern bool queue_is_half_full(const Queue *queue);

/*
 * Until the worker has done something, or some milliseconds; may be interrupted.
 * The first call returns at once: who looks once more then misses nothing.
 */
extern void queue_sleep(Queue *queue, int timeout, uint32 wait_event);
extern void queue_end_sleep(void);

/* ---- for the worker ---- */

extern uint64 queue_end(const Queue *queue);

/*
 * The line at *at, and *at behind it; NULL: the end, or somebody is still at
 * that line.  *len 0: a torn one.  It stays until queue_take().
 */
extern const QueuedLine *queue_peek(Queue *queue, uint64 *at, uint64 end, size_t *len);
extern void queue_take(Queue *queue, uint64 until);
extern void queue_forget(Queue *queue);
extern void queue_free(Queue *queue);

/* The mapping's life: positions mean something within one run. */
extern int64 queue_run(void);

/* Of one queue in one run: whose positions only grow, whatever databases it serves. */
extern int64 queue_identity(const Queue *queue);

/* ---- what the worker and the others tell each other ---- */

/*
 * The worker's place.  A crash of the server forgets it, for then there is no
 * worker any more.
 */
typedef struct Post
{
	int			pid;			/* 0: none */
	Latch	   *latch;
	TimestampTz since;			/* when it came */
	TimestampTz started;		/* when it was last asked to be started */
	TimestampTz kept_away_until;	/* none may start: somebody wants the database for himself */
	bool		leave;			/* it is asked to */
	bool		asleep;			/* wake it for a single line */
	bool		holding;		/* it cannot write, and nobody can have a value either: there is no key here */
	bool		wanting;		/* none could be started: every place is taken */
	char		trouble[128];	/* why it could not write the last time, or "" */
} Post;

extern void queue_get_post(Queue *queue, Post *post);

/* The two that are asked at each read, without a lock. */
extern bool queue_has_worker(const Queue *queue);
extern bool queue_worker_sleeps(const Queue *queue);

extern bool queue_take_post(Queue *queue, int pid, Latch *latch);
extern void queue_leave_post(Queue *queue);
extern int	queue_count_attempt(Queue *queue);
extern void queue_reset_attempts(Queue *queue);
extern void queue_set_asleep(Queue *queue, bool asleep);
extern void queue_set_holding(Queue *queue, bool holding);
extern void queue_set_trouble(Queue *queue, const char *trouble);
extern bool queue_begin_start(Queue *queue, TimestampTz now, int again_after);
extern void queue_fail_start(Queue *queue);
extern void queue_ask_to_leave(Queue *queue, bool leave);
extern void queue_keep_away(Queue *queue, TimestampTz until);
extern void queue_wake(const Queue *queue);

/* The spare worker, which waits for a queue that gets none; it looks for one, and may be woken. */
extern void queue_set_spare(Latch *latch);
extern void queue_wake_spare(void);
extern Queue *queue_find_wanting(void);

/* Changes that came with lines of their own: how often one was told of. */
extern void queue_tell_change(Queue *queue);
extern uint32 queue_changes(const Queue *queue);

/* Asks for a round of digests: the number to wait for; and how many rounds there were. */
extern uint32 queue_ask_round(Queue *queue);
extern uint32 queue_asked_rounds(const Queue *queue);
extern uint32 queue_rounds(const Queue *queue);
extern void queue_end_round(Queue *queue, uint32 round);

/*
 * The newest digest, of the log of that extension: one that is dropped and made
 * again begins a log of its own.  InvalidOid: whichever it was.
 */
extern void queue_set_head(Queue *queue, Oid extension, int64 number, const uint8 head[HASH_LEN]);
extern bool queue_get_head(Queue *queue, Oid extension, int64 *number, uint8 head[HASH_LEN]);

#endif
