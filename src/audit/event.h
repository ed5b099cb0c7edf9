/*
 * audit/event.h: one line of the log, and the bytes that prove it.
 *
 * The bytes are the same wherever the log is read: text as UTF-8, numbers as
 * numbers, nothing that a dump and restore changes.  Each line's leaf is their
 * SHA-256; its MAC is made of the leaf.  tools/verify-audit does it without
 * PostgreSQL; src/README has the format.
 */
#ifndef SECRETS_AUDIT_EVENT_H
#define SECRETS_AUDIT_EVENT_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "utils/uuid.h"

#include "crypto/mac.h"

#define AUDIT_MAC_LEN	16		/* of the HMAC's 32 bytes */

/* In the order of the words in event.c. */
typedef enum AuditAction
{
	ACTION_READ, ACTION_LIST, ACTION_WRITE, ACTION_DELETE, ACTION_UNDELETE, ACTION_RENAME, ACTION_DESTROY,
	ACTION_GRANT, ACTION_DENY, ACTION_REVOKE, ACTION_ROTATE, ACTION_ENCRYPT, ACTION_DECRYPT, ACTION_SIGN,
	ACTION_VERIFY, ACTION_LEASE, ACTION_SEAL, ACTION_CONFIG
} AuditAction;

typedef enum AuditOutcome
{
	OUTCOME_ALLOWED, OUTCOME_DENIED, OUTCOME_FAILED, OUTCOME_STARTED
} AuditOutcome;

typedef enum AuditVia
{
	VIA_API, VIA_DIRECT, VIA_SCHEDULER
} AuditVia;

/* Numbers that are 0 and pointers that are NULL are NULL in the row. */
typedef struct AuditEvent
{
	int64		event_id;		/* ascending, unique; microseconds at heart */
	TimestampTz at;
	int64		batch;			/* the digest that it was written with; 0: a change, whose digest names it */
	int64		txid;			/* top level and with its epoch, where there is one */
	int64		version;
	pg_uuid_t	id;
	pg_uuid_t	rule;			/* the one that decided */
	bool		has_id;
	bool		has_rule;
	int			pid;
	int			key;			/* version of the master key behind mac; 0: written while sealed, without one */
	AuditAction action;
	AuditOutcome outcome;
	AuditVia	via;
	const char *name;			/* a secret's, or a pattern */
	const char *login;
	const char *role;
	const char *actor;
	const char *client_addr;
	const char *application_name;
	const char *reason;
	const char *detail;			/* JSON, as jsonb prints it */
	uint8		mac[AUDIT_MAC_LEN];
} AuditEvent;

extern const char *action_word(AuditAction action);
extern const char *outcome_word(AuditOutcome outcome);
extern const char *via_word(AuditVia via);

/* Columns of secrets_catalog.audit_event. */
enum
{
	EVENT_EVENT_ID = 1, EVENT_AT, EVENT_BATCH, EVENT_TXID, EVENT_VERSION, EVENT_ID, EVENT_RULE, EVENT_PID, EVENT_KEY,
	EVENT_ACTION, EVENT_OUTCOME, EVENT_VIA, EVENT_NAME, EVENT_LOGIN, EVENT_ROLE, EVENT_ACTOR, EVENT_CLIENT_ADDR,
	EVENT_APPLICATION_NAME, EVENT_REASON, EVENT_DETAIL, EVENT_MAC,
	EVENT_COLUMNS = EVENT_MAC
};

/* To and from a row.  What encode makes is in the current memory context, for one row. */
extern void event_encode(const AuditEvent *event, Datum *values, bool *nulls);

/*
 * A row as it stands in the table, also one that somebody has edited: words
 * stay words.
 */
typedef struct AuditRow
{
	int64		event_id;
	TimestampTz at;
	int64		batch;			/* 0: NULL */
	int64		txid;
	int			key;			/* 0: NULL */
	bool		has_mac;
	uint8		mac[AUDIT_MAC_LEN];
	const char *name;			/* NULL: NULL */
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS];
} AuditRow;

extern void row_decode(HeapTuple tuple, TupleDesc desc, AuditRow *row);

/* The bytes, from values and nulls alone; all columns but the MAC. */
extern void row_append_bytes(const AuditRow *row, StringInfo out);

/* One line of JSON, without its end: for the server's log, and for what is exported. */
extern void event_append_json(const AuditEvent *event, StringInfo out);
extern void row_append_json(const AuditRow *row, StringInfo out);

/* For JSON: hexadecimal digits, and a time as ISO 8601 in UTC. */
extern char *audit_hex(const void *bytes, size_t len);
extern char *audit_time(TimestampTz at);

#endif
