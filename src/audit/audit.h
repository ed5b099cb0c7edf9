/*
 * audit/audit.h: what is recorded, and that it is.
 *
 * Reads and refusals go into a queue in shared memory, which no ROLLBACK
 * reaches; the worker of the database writes them.  Changes are written by
 * triggers, in the change's own transaction.  No call here takes a value, so
 * none can be handed one.
 */
#ifndef SECRETS_AUDIT_AUDIT_H
#define SECRETS_AUDIT_AUDIT_H

#include "audit/event.h"
#include "base/pass.h"

extern void audit_init(void);

/* What was done, or was to be. */
typedef struct AuditRecord
{
	AuditAction action;
	AuditOutcome outcome;
	Oid			role;			/* who asked */
	const pg_uuid_t *rule;		/* NULL: none decided */
	const char *name;			/* NULL: what concerns no name */
	const pg_uuid_t *id;		/* NULL: not known, or there is none */
	int64		version;		/* 0: none */
	const char *reason;			/* NULL: nothing to say */
	const char *detail;			/* JSON, under 1 kB, or NULL */
	bool		optional;		/* what is done must be done: it neither waits nor refuses */
} AuditRecord;

/*
 * Queued when it returns: nothing that the caller does from then on undoes it;
 * where secrets.audit is durable, and the outcome is not a refusal, flushed to
 * disk.  58030 where that cannot be had in 5 seconds (unless
 * secrets.audit_on_failure says that a line in the server's log will do).
 */
extern void audit_record(const AuditRecord *record);

/* One line of JSON in the server's log, for what cannot go into the queue. */
extern void audit_log_line(const AuditRecord *record);

/*
 * Until everything that was queued before, and every change that is visible, is
 * under a digest; or that many milliseconds.  False: not in time, or not here
 * (sealed, a standby).
 */
extern bool audit_flush(int timeout);

/* What changes of the catalogs are said to come through, from now to the end of the transaction. */
extern void audit_set_via(AuditVia via);

/* Between the two, a secret's new value is called a rotation.  An error is no end: whoever begins ends it in any case. */
extern void audit_begin_rotation(void);
extern void audit_end_rotation(void);

/* A change that no row of a catalog tells, in this transaction: what rekey did. */
extern void audit_record_change(const AuditRecord *record);

/*
 * The newest digest that the worker of this server has written, from memory: a
 * table that was cut or put back does not have it.  False: none since the
 * server started.
 */
extern bool audit_get_memory_head(int64 *number, uint8 head[HASH_LEN]);

/* When a secret was read last; false: never, as far as is written. */
extern bool audit_last_read(const pg_uuid_t *id, TimestampTz *at);

/* Where lines are not kept for ever: that somebody looks which ones are to go, though nothing else happens. */
extern void audit_keep_house(void);

typedef struct AuditStatus
{
	int			pid;			/* of the worker; 0: none now */
	int64		queued;			/* lines that wait */
	TimestampTz oldest;			/* since when the first of them does; 0: none does */
} AuditStatus;

extern void audit_get_status(AuditStatus *status);

#endif
