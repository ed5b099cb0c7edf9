/*
 * store/store.h: secrets and versions as rows.  It opens no box and asks nobody
 * who he is: whoever calls it has passed the gate.
 *
 * Reads are index scans under a snapshot of the caller's.  Changes take the
 * secret's row lock first, by store_lock(), and hold it to the end of the
 * transaction: versions are numbered and stages moved under it.  What is read
 * is copied into the current memory context.
 */
#ifndef SECRETS_STORE_STORE_H
#define SECRETS_STORE_STORE_H

#include "datatype/timestamp.h"
#include "utils/snapshot.h"
#include "utils/uuid.h"

#include "box/box.h"

#define NO_VERSION	0			/* where a version is a column that may be NULL: they count from 1 */
#define NEVER		DT_NOEND	/* where a time is: stored as NULL */

typedef struct Secret
{
	pg_uuid_t	id;
	int64		current_version;
	int64		previous_version;
	int64		last_version;	/* the highest ever given, never given again */
	bool		disabled;
	TimestampTz expires_at;
	TimestampTz created_at;
	TimestampTz changed_at;
	TimestampTz deleted_at;		/* NEVER: alive */
	TimestampTz purge_after;
	TimestampTz watch_until;
	int			max_versions;	/* 0: as secrets.max_versions says */
	char	   *kind;
	char	   *name;
	char	   *content_type;	/* the rest: NULL where there is none */
	char	   *description;
	struct varlena *tags;		/* jsonb */
	char	   *deleted_by;
	char	   *watch_channel;
	struct varlena *generator;	/* jsonb: how the server made its value, and would again: kind, and its options */
} Secret;

typedef struct Version
{
	int64		version;
	TimestampTz created_at;
	bool		disabled;
	TimestampTz destroyed_at;	/* NEVER: it was not */
	SealedBox  *value;			/* NULL: destroyed */
	char	   *created_by;
	pg_uuid_t  *request_id;		/* NULL: none */
	char	   *public_half;	/* of a key pair: whoever may list may see it; NULL: none */
} Version;

extern void store_init(void);

/* How many versions of this secret are kept. */
extern int	store_versions_kept(const Secret *secret);

/* ---- reading ---- */

/* A secret that is alive, by name. */
extern bool store_find(const char *name, Snapshot snapshot, Secret *secret);

/* The same without description, tags and what else no reader of a value needs (NULL). */
extern bool store_find_brief(const char *name, Snapshot snapshot, Secret *secret);

/* By its id, deleted or not. */
extern bool store_find_by_id(const pg_uuid_t *id, Snapshot snapshot, Secret *secret);

/* Without created_by, request_id and public_half, too. */
extern bool store_find_version(const Secret *secret, int64 version, Snapshot snapshot, Version *found);

/* Any stage, current and previous too; false: no such stage on this secret. */
extern bool store_find_stage(const Secret *secret, const char *stage, Snapshot snapshot, int64 *version);

/* What the view secrets.versions shows of a version: without the value, and without fetching it. */
typedef struct VersionSummary
{
	int64		version;
	TimestampTz created_at;
	bool		disabled;
	bool		destroyed;
	int			size;			/* of the plaintext; 0 where it was destroyed */
	char	   *created_by;
	char	   *public_half;	/* NULL: none, or not asked for */
} VersionSummary;

typedef struct Stage
{
	char	   *stage;
	int64		version;
} Stage;

/* All of a secret's, in order. */
extern int	store_list_versions(const Secret *secret, Snapshot snapshot, bool with_public_halves,
								VersionSummary **versions);

/* The same for its stages other than current and previous. */
extern int	store_list_stages(const Secret *secret, Snapshot snapshot, Stage **stages);

/* ---- going through names, in their order ---- */

/* Names in the order of bytes. */
typedef struct NameRange
{
	const char *from;			/* "": from the first */
	const char *to;				/* NULL: to the last */
	bool		after_from;		/* without from itself */
	bool		with_to;		/* with to itself */
} NameRange;

/* Those that begin with it; those that may match a pattern.  New strings. */
extern NameRange prefix_range(const char *prefix, size_t len);
extern NameRange pattern_range(const char *pattern);

/* Shown each name of the ranges before its row is looked at; false: leave it out. */
typedef bool (*store_filter) (const char *name, void *arg);

typedef struct ScanRequest
{
	const NameRange *ranges;	/* in order, none overlapping another */
	int			nranges;
	bool		deleted;		/* those that are, instead of those alive */
	bool		brief;			/* as store_find_brief() has it */
	Snapshot	snapshot;		/* these three as long as the scan */
	store_filter filter;
	void	   *arg;
} ScanRequest;

/*
 * One secret after the other; no more is read than is asked for, but some names
 * ahead.  Names that are left out are in no counter that the caller can see.
 */
typedef struct StoreScan StoreScan;

extern StoreScan *store_begin_scan(const ScanRequest *request);
extern bool store_next(StoreScan *scan, Secret *secret);
extern void store_end_scan(StoreScan *scan);

/* Whether there is a deleted one of that name. */
extern bool store_has_deleted(const char *name, Snapshot snapshot);

/* Called for each secret alive whose name matches, in order of name; false: enough. */
typedef bool (*store_visitor) (const Secret *secret, void *arg);

/* after: NULL, or names up to and with it are passed over. */
extern void store_scan(const char *pattern, const char *after, Snapshot snapshot,
					   store_visitor visitor, void *arg);

/* ---- changing ---- */

typedef enum LockStrength
{
	LOCK_CHANGE,				/* rekey goes on beside it */
	LOCK_RESEAL					/* it does not: the name, or the row's life, is about to change */
} LockStrength;

/* Waits for whoever holds it; sees what he committed. */
extern bool store_lock(const char *name, LockStrength strength, Secret *secret);

/* By id, for a change, deleted or not; not waiting: false, too, where somebody has it. */
extern bool store_lock_by_id(const pg_uuid_t *id, bool wait, Secret *secret);

/* Deleted ones whose time to be purged has come, the longest deleted first; no lock is taken. */
extern int	store_find_purgeable(TimestampTz now, pg_uuid_t *ids, int max_ids);

/* Those alive whose end came after one time and not after the other. */
extern int	store_find_expired(TimestampTz after, TimestampTz until, pg_uuid_t *ids, int max_ids);

/* Deleted ones of that name, newest first, locked; of that id only, if it is not NULL. */
extern int	store_lock_deleted(const char *name, const pg_uuid_t *id, Secret **secrets);

/* False: there is one of that name by now.  Fills in the id. */
extern bool store_insert(Secret *secret);

/* Writes all but the id; 42710 where another has the name. */
extern void store_update(const Secret *secret);
extern void store_purge(const Secret *secret);

extern void store_insert_version(const Secret *secret, const Version *version);
extern void store_update_version(const Secret *secret, const Version *version);

/* One under the lock, or the numbers of all in order: as they are now, not as an old snapshot has them. */
extern bool store_get_version(const Secret *secret, int64 version, Version *found);
extern int	store_get_version_numbers(const Secret *secret, int64 **numbers);

/* The version that a request made before, or NO_VERSION. */
extern int64 store_find_request(const Secret *secret, const pg_uuid_t *request_id);

/* Takes away what is beyond the versions kept and has no stage. */
extern void store_prune(const Secret *secret);

/* Custom stages and pending. */
extern void store_set_stage(const Secret *secret, const char *stage, int64 version);
extern bool store_drop_stage(const Secret *secret, const char *stage);
extern int	store_count_stages(const Secret *secret, int64 version);

/* ---- counting, and walking over everything (rekey) ---- */

extern int64 store_count_secrets(void);

/* Values that another master key than this one seals. */
extern int64 store_count_other_keys(const uint8_t key_id[BOX_ID_LEN]);

typedef struct ValueKey
{
	pg_uuid_t	secret_id;
	int64		version;
} ValueKey;

/*
 * Goes on after *at, in the order of (secret_id, version), until it has found
 * max_keys values that another master key seals or there are no more rows, and
 * leaves *at where it stopped.  Locks nothing.
 */
extern int	store_find_other_keys(const uint8_t key_id[BOX_ID_LEN], Snapshot snapshot, ValueKey *at,
								  ValueKey *keys, int max_keys);

/*
 * Locks one of them, and its secret's row against a rename; puts go on.  False:
 * it is gone, or no longer of another key, or (not waiting) somebody has it.
 */
extern bool store_lock_value(const ValueKey *key, const uint8_t key_id[BOX_ID_LEN], bool wait,
							 Secret *secret, Version *version);

#endif
