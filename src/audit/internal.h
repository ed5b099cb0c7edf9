/*
 * audit/internal.h: what the pieces of the room share.
 */
#ifndef SECRETS_AUDIT_INTERNAL_H
#define SECRETS_AUDIT_INTERNAL_H

#include "commands/trigger.h"
#include "utils/rel.h"

#include "audit/audit.h"
#include "audit/digest.h"
#include "audit/queue.h"
#include "base/catalog.h"

#define ACTOR_LEN 128

extern void record_init(void);
extern void change_init(void);
extern void worker_init(void);

/* Who does it, of this session; valid until the next call. */
extern const char *audit_login(void);
extern const char *audit_authenticated(void);	/* NULL: the same */
extern const char *audit_role(Oid role);
extern const char *audit_client_addr(void);
extern const char *audit_actor(void);
extern const char *audit_application_name(void);

/* line has room for MAX_LINE bytes. */
extern void line_from_event(const AuditEvent *event, QueuedLine *line);

/*
 * For a line from elsewhere.  NULL: it is in the queue, and ends at *until; all
 * up to until is on disk.  Else why it is not, after 5 seconds.
 */
extern const char *record_queue_line(QueuedLine *line, uint64 *until);
extern const char *record_wait_for_disk(uint64 until);

/* A packet of a standby's: on disk when it returns, with the answer that proves it. */
extern void audit_receive(const uint8 *bytes, size_t len, uint8 answer[HASH_LEN]);

/* What the triggers on the catalogs do. */
extern void audit_on_change(TriggerData *trigger);
extern bool audit_has_home(void);

/* What is still in a queue that goes, to the server's log. */
extern void record_log_queue(Queue *queue, const char *why);

/* ---- rows ---- */

/*
 * Adding rows to a table of ours, many at a time, and to whatever indexes it
 * has; not through the executor: no trigger, no rule, no policy comes between.
 */
typedef struct RowWriter RowWriter;

extern RowWriter *rows_open(Catalog table);
extern void rows_add(RowWriter *writer, Datum *values, bool *nulls);
extern void rows_close(RowWriter *writer);

/* The newest that we wrote; what others put there is passed over.  False: there is none. */
extern bool digest_find_newest(AuditDigest *digest);
extern bool digest_find_below(int64 number, AuditDigest *digest);

/* Whether one that opens the log here was written at that time or later. */
extern bool digest_opened_since(int64 number);

/* The one of that number, if we wrote it. */
extern bool digest_find(int64 number, AuditDigest *digest);

/* Signs the event (as far as a key can be had) and gives its leaf; values and nulls are its row. */
extern void event_seal(AuditEvent *event, const AuditKey *key, Datum *values, bool *nulls, uint8 leaf[HASH_LEN]);

/* A digest of here and now without lines or parents; then its head, its MAC, its row. */
extern void digest_begin(Queue *queue, DigestKind kind, const AuditKey *key, AuditDigest *digest);
extern void digest_write(const AuditKey *key, AuditDigest *digest);
extern bool digest_is_from_here(const AuditDigest *digest);

/* ---- how much of each standby's queue is in the log, in the worker ---- */

/* Up to which position; 0: nothing. */
extern uint64 origin_find(int64 run);

/* False: that position was written before.  After the last in a transaction origin_write(); after a failure origin_forget(). */
extern bool origin_advance(int64 run, uint64 at);
extern void origin_write(const AuditKey *key);
extern void origin_forget(void);

/* ---- when each secret was read last, in the worker ---- */

/* Remembers; then, in a transaction, writes down some of it (false: not now); and after that, that it is written. */
extern void lastread_note(const pg_uuid_t *id, TimestampTz at);
extern bool lastread_is_due(void);
extern bool lastread_write(void);
extern void lastread_written(void);

/* ---- the chain, in the worker ---- */

/*
 * In a transaction of its own, each; called by the worker alone.  chain_load()
 * finds where the log goes on; chain_needs_load says that it has to be asked
 * again, because something went wrong.
 */
extern void chain_forget(void);
extern bool chain_is_loaded(void);
extern void chain_load(Queue *queue, const AuditKey *key);

/* Under a new digest: lines of the queue (how many), changes that have become visible. */
extern int	chain_write_lines(Queue *queue, const AuditKey *key);
extern bool chain_cover_changes(Queue *queue, const AuditKey *key);

/*
 * What is older goes: first a digest says so, then the lines are deleted, a
 * piece of the table at each call, so that those of the queue need not wait.
 */
extern void chain_prune(Queue *queue, const AuditKey *key, int64 seconds);
extern bool chain_is_pruning(void);

/* After the commit, and only then, what the last of these did counts. */
extern void chain_committed(Queue *queue);

/* Whether a transaction that is still open has written a line. */
extern bool chain_has_open_changes(void);

#endif
