/*
 * audit/digest.h: what makes a log of lines one that cannot be changed unseen.
 *
 * A digest covers lines for ever: it has the hash over their leaves, in the
 * order of their event_ids, and the head, which is the digest's own hash, of the
 * digest before.  So each head stands for all that was before it.  Only the
 * worker writes digests.
 *
 *   reads      the lines that were written in one transaction with it: those
 *              whose batch is its number
 *   changes    lines that came with changes, each in its own transaction, which
 *              have become visible since: it names their event_ids
 *   open       the log begins here, or goes on here after a restore elsewhere or
 *              a recovery to an earlier time; its parents are the heads that were
 *              found.  It may name lines as changes does.
 *   retention  the lines of digests up to "through" are gone; their digests stay.
 *              Those that follow say so too.
 */
#ifndef SECRETS_AUDIT_DIGEST_H
#define SECRETS_AUDIT_DIGEST_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "storage/lockdefs.h"

#include "audit/event.h"
#include "base/catalog.h"
#include "keyring/keyring.h"

typedef enum DigestKind
{
	DIGEST_OPEN, DIGEST_READS, DIGEST_CHANGES, DIGEST_RETENTION, DIGEST_UNKNOWN
} DigestKind;

typedef struct AuditDigest
{
	int64		number;			/* ascending, not one by one: microseconds at heart */
	TimestampTz at;
	int64		lines;			/* how many it covers */
	int64		unsigned_lines; /* of these, how many were written while sealed and have no MAC */
	int64		system_id;		/* where it was written: cluster, database, timeline */
	int64		database;
	int			timeline;
	int			key;			/* version of the master key behind mac */
	int64		queue;			/* the queue's run that its lines came from, and up to where; 0: from none */
	int64		queue_at;
	int64		through;		/* lines of digests up to this one are gone; 0: none are */
	DigestKind	kind;
	uint8		hash[HASH_LEN]; /* over the leaves */
	int			nparents;
	const uint8 *parents;		/* nparents times HASH_LEN */
	int			nevents;
	const int64 *events;		/* those that it names */
	const char *snapshot;		/* of changes and open: what was visible, as txid_snapshot prints it; "" else */
	uint8		head[HASH_LEN]; /* hash over all that is above */
	uint8		mac[AUDIT_MAC_LEN];
} AuditDigest;

/* Columns of secrets_catalog.audit_digest. */
enum
{
	DIGEST_NUMBER = 1, DIGEST_AT, DIGEST_LINES, DIGEST_UNSIGNED_LINES, DIGEST_SYSTEM_ID, DIGEST_DATABASE,
	DIGEST_TIMELINE, DIGEST_KEY, DIGEST_QUEUE, DIGEST_QUEUE_AT, DIGEST_THROUGH, DIGEST_KIND_WORD, DIGEST_HASH,
	DIGEST_PARENTS, DIGEST_EVENTS, DIGEST_SNAPSHOT, DIGEST_HEAD, DIGEST_MAC,
	DIGEST_COLUMNS = DIGEST_MAC
};

/*
 * One of the two tables.  55000 where somebody has altered its columns: what
 * lies there is not what this library takes it for.
 */
extern Relation audit_open_table(Catalog table, LOCKMODE lock);

extern const char *digest_word(DigestKind kind);

/* Copied into the current memory context.  What does not have the form of a digest is DIGEST_UNKNOWN. */
extern void digest_decode(HeapTuple tuple, TupleDesc desc, AuditDigest *digest);
extern void digest_encode(const AuditDigest *digest, Datum *values, bool *nulls);

/* The bytes whose SHA-256 is the head. */
extern void digest_append_bytes(const AuditDigest *digest, StringInfo out);
extern void digest_append_json(const AuditDigest *digest, StringInfo out);

/* This process's object for hashing lines one after the other; nobody keeps it begun across calls of others. */
extern Hash *audit_hash(void);

/* Leaf of a line from its bytes; head of a digest.  58000 where libcrypto refuses. */
extern void audit_leaf(const StringInfo bytes, uint8 leaf[HASH_LEN]);
extern void audit_head_of(const AuditDigest *digest, uint8 head[HASH_LEN]);

/* MAC of a leaf or a head.  False: sealed, or no key for it here. */
extern bool audit_mac(const AuditKey *key, const uint8 hash[HASH_LEN], uint8 mac[AUDIT_MAC_LEN]);

/* One short line to keep elsewhere, and back: "secrets-head:NUMBER:TIMELINE:HEAD", the head in base64url. */
extern char *head_line(const AuditDigest *digest);
extern bool head_parse(const char *line, int64 *number, int *timeline, uint8 head[HASH_LEN]);

#endif
