/*
 * kv/describe.h: rows of the views, inside the room.
 */
#ifndef SECRETS_KV_DESCRIBE_H
#define SECRETS_KV_DESCRIBE_H

#include "store/store.h"

/* LIST_COLUMNS, of secrets.secrets, are in kv/kv.h. */
#define VERSIONS_COLUMNS 9
#define DELETED_COLUMNS 5

typedef struct VersionsOf
{
	Secret		secret;
	VersionSummary *versions;
	int			nversions;
	Stage	   *stages;			/* other than current and previous */
	int			nstages;
} VersionsOf;

/*
 * One row of secrets.secrets, of secrets.deleted, and the i-th version of
 * secrets.versions.  Rows point at the id in the struct.
 */
extern void describe_secret(const Secret *secret, Datum *values, bool *nulls);
extern void describe_deleted(const Secret *secret, Datum *values, bool *nulls);
extern void describe_version(const VersionsOf *all, int i, Datum *values, bool *nulls);

#endif
