/*
 * kv/common.h: what the verbs share, here and in the rooms above that have verbs
 * on secrets of their own.
 */
#ifndef SECRETS_KV_COMMON_H
#define SECRETS_KV_COMMON_H

#include "gate/gate.h"
#include "kv/kv.h"

#define KIND_SECRET "secret"

/*
 * A pass for what is there; for what is not, 42704 to whoever may list the
 * name, or holds the privilege and finds out himself.  42501 to all others.
 */
extern GatePass require(Privilege privilege, const char *name);

/* False instead of 42704. */
extern bool require_unless_absent(Privilege privilege, const char *name, GatePass *pass);

/* The same, and the transaction can and will change something. */
extern GatePass require_change(Privilege privilege, const char *name);

/* For what is deleted, or not yet. */
extern GatePass require_deleted(Privilege privilege, const char *name);

/* For what need not be there yet. */
extern GatePass require_to_make(const char *name);

/* 22023, quoting nothing. */
extern void check_name(const char *name);
extern void check_pattern(const char *pattern);
extern void check_stage(const char *stage);

/* 22023 or 54000 for what metadata may not be; then into the row. */
extern void check_metadata(const Metadata *metadata);
extern void apply_metadata(const Metadata *metadata, Secret *secret);

/* Locked and alive and a plain secret, or 42704, 42809. */
extern void lock_secret(const char *name, LockStrength strength, Secret *secret);
extern void require_plain_secret(const Secret *secret);

extern bool is_expired(const Secret *secret);

/* 55000 unless the secret may be written: not expired, or about to get a new end. */
extern void require_unexpired(const Secret *secret, const Metadata *metadata);

pg_noreturn extern void refuse_no_secret(void);
pg_noreturn extern void refuse_no_version(void);

/*
 * The current value, to be signed with and not given out, for whoever may sign
 * with it or read it; recorded as signing.  Refused as secrets.get() would be.
 */
extern Plain open_to_sign(const char *name);

typedef struct NewVersion
{
	const Plain *plain;
	const pg_uuid_t *request_id;	/* NULL: none */
	const char *public_half;	/* NULL: there is none */
	bool		pending;		/* it does not become current yet, but gets the stage */
	const char *event;			/* what watchers are told */
} NewVersion;

#define STAGE_PENDING "pending"

/* Under the lock: the next version.  Writes secret and version, prunes, notifies. */
extern int64 add_version(const GatePass *pass, Secret *secret, const NewVersion *new);

/* Under the lock: the value of a version is about to become the current one, by somebody's hand. */
extern void check_by_watcher(const Secret *secret, const Plain *plain);

/* Makes it current in the struct; 55000 where it is destroyed or disabled, 42704 where it is not there. */
extern void make_current(Secret *secret, int64 number);

/* Seals what is in all the versions again, under the secret's name as it is in the struct. */
extern void reseal_versions(const GatePass *pass, const char *old_name, const Secret *secret);

/* To who watches, at commit. */
extern void notify_watchers(const Secret *secret, int64 version, const char *event);

#endif
