/*
 * kv/kv.h: the verbs on values, as api has them.  Each is one story: check the
 * name, ask the gate, lock or find the row, do it, tell who watches.
 *
 * Names, stages and patterns come as C strings; whoever calls has refused NULL.
 */
#ifndef SECRETS_KV_KV_H
#define SECRETS_KV_KV_H

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#include "kv/value.h"

extern void kv_init(void);

/* ---- metadata: NULL or 0 leaves as it is, "" clears ---- */

typedef struct Metadata
{
	const char *description;
	struct varlena *tags;		/* jsonb; an empty object clears */
	const char *content_type;
	bool		has_expires_at;
	TimestampTz expires_at;		/* NEVER for 'infinity' */
	int			max_versions;
} Metadata;

extern void kv_alter(const char *name, const Metadata *metadata);

/* ---- writing ---- */

typedef struct PutRequest
{
	const char *name;
	Metadata	metadata;
	bool		has_if_version;
	int64		if_version;
	pg_uuid_t  *request_id;		/* NULL: none */
	/* Where the server made the value: */
	const char *public_half;	/* NULL: it has none */
	struct varlena *generator;	/* how; NULL: what is remembered stays */
} PutRequest;

extern int64 kv_put(const PutRequest *request, const Plain *plain);
extern int64 kv_patch(const char *name, const Plain *changes);

/* A value that the server made, and what about it is no secret. */
typedef struct Generated
{
	Plain		plain;
	char	   *public_half;	/* a public key or a certificate; NULL: there is none */
	TimestampTz ends_at;		/* of a certificate: the secret's expires_at from then on; NEVER: that stays as it is */
} Generated;

/* One more of that kind, by those options; 22023 for what is no kind, or no option of it. */
extern Generated kv_make_value(const char *kind, struct varlena *options);

/* classes NIL: the usual ones.  22023 for what cannot be. */
extern SecretBuffer *kv_make_password(int length, List *classes, const char *exclude);

/* The server makes the value, and remembers how. */
extern int64 kv_generate(const char *name, const char *kind, struct varlena *options);
extern text *kv_random_password(int length, const text *exclude);

/* ---- reading ---- */

typedef struct ReadRequest
{
	const char *name;
	const text *field;			/* NULL: the whole value */
	int64		version;		/* NO_VERSION: by stage */
	const char *stage;			/* NULL: current, or by version */
	bool		missing_ok;		/* false comes back instead of 42704 and 2203A */
} ReadRequest;

/* False: NULL is the answer. */
extern bool kv_get(const ReadRequest *request, text **value);
extern bytea *kv_get_bytes(const ReadRequest *request);
extern int64 kv_current_version(const char *name);

/* Several at once, under one snapshot: sealed until each one's turn comes. */
typedef struct Reading Reading;

typedef struct ReadItem
{
	const char *name;
	int64		version;		/* NO_VERSION where there is none */
	text	   *value;			/* NULL: see problem */
	const char *problem;
} ReadItem;

extern Reading *kv_read_many(const char *const *names, int n);
extern Reading *kv_read_all(const char *pattern);
extern bool kv_read_next(Reading *reading, ReadItem *item);

/* ---- listing ---- */

/* Columns of the view secrets.secrets. */
#define LIST_COLUMNS 13

extern void kv_list(const char *pattern, const char *after, int max_rows,
					void (*emit) (Datum *values, bool *nulls, void *arg), void *arg);
extern void kv_describe(const char *name, Datum *values, bool *nulls);

/* What the foreign tables under the views are read by. */
struct FdwRoutine;
extern struct FdwRoutine *kv_listing_routine(void);

/* ---- stages ---- */

extern void kv_label(const char *name, const char *stage, int64 version);
extern int64 kv_rollback(const char *name, int64 version);
extern void kv_set_disabled(const char *name, int64 version, bool disabled);

/* ---- life and death ---- */

extern void kv_rename(const char *name, const char *new_name);
extern TimestampTz kv_delete(const char *name, const Interval *recovery);
extern void kv_undelete(const char *name, const pg_uuid_t *id, const char *new_name);
extern void kv_destroy(const char *name, int64 version);
extern void kv_purge(const char *name, const pg_uuid_t *id);

/* ---- what rooms above have to do with a secret ---- */

typedef struct KvWatcher
{
	/* Before a version becomes current, other than by a rotation; raises where it must not.  Under the lock. */
	void		(*before_value) (const Secret *secret, const Plain *plain);

	/* It is gone for good. */
	void		(*purged) (const Secret *secret);

	/* When its value changes next by itself; NEVER: it does not. */
	TimestampTz (*next_rotation) (const Secret *secret);
} KvWatcher;

extern KvWatcher kv_watcher;	/* all NULL until the room is there */

/* ---- watching ---- */

extern char *kv_watch(const char *name);

#endif
