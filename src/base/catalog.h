/*
 * base/catalog.h: where our catalogs are, and acting as their owner.
 */
#ifndef SECRETS_BASE_CATALOG_H
#define SECRETS_BASE_CATALOG_H

#include "executor/spi.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/*
 * What to read under: the statement's snapshot, so that a whole statement sees
 * one state; or, where this transaction changed something since, a new one of
 * the transaction's.  Registered; the caller unregisters it.
 */
extern Snapshot catalog_snapshot(void);

/* In the order of the names in catalog.c. */
typedef enum Catalog
{
	CATALOG_MASTER_KEY,
	CATALOG_MASTER_KEY_PKEY,
	CATALOG_ROOT_KEY,
	CATALOG_SECRET,
	CATALOG_SECRET_PKEY,
	CATALOG_SECRET_NAME,		/* unique index on the names of what is not deleted */
	CATALOG_SECRET_DELETED,		/* index on the names of what is */
	CATALOG_VERSION,
	CATALOG_VERSION_PKEY,
	CATALOG_STAGE,
	CATALOG_STAGE_PKEY,
	CATALOG_RULE,
	CATALOG_RULE_FOLDER,		/* on the folder that a rule's pattern lies in, and the last segment of one without stars */
	CATALOG_HOME,
	CATALOG_AUDIT_EVENT,
	CATALOG_AUDIT_EVENT_CHANGE, /* index on the transactions of what came with changes */
	CATALOG_AUDIT_DIGEST,
	CATALOG_AUDIT_DIGEST_PKEY,
	CATALOG_AUDIT_ORIGIN,
	CATALOG_AUDIT_ORIGIN_PKEY,
	CATALOG_LAST_READ,
	CATALOG_LAST_READ_PKEY,
	CATALOG_ROTATION,
	CATALOG_ROTATION_PKEY,
	CATALOG_ROTATION_NEXT,		/* index on when each is tried next */
	CATALOG_TICK,
	CATALOG_AUDIT_LISTED,		/* foreign table: what secrets.audit_log shows */
	CATALOG_LISTED,				/* foreign tables of our own: what the views show */
	CATALOG_LISTED_VERSIONS,
	CATALOG_LISTED_DELETED,
	NUM_CATALOGS
} Catalog;

extern void catalog_init(void);

/* The relation's OID, from a cache that follows DROP EXTENSION and CREATE EXTENSION. */
extern Oid	catalog_oid(Catalog which);

/* InvalidOid where the extension is not installed in this database. */
extern Oid	catalog_oid_or_none(Catalog which);

/* True for a table that belongs to the extension of this database, whatever it is called by now. */
extern bool catalog_is_table(Oid relid);

/*
 * Opens it with AccessShareLock.  55000, not an internal error, where DROP
 * EXTENSION took it while we waited for the lock.
 */
extern Relation catalog_open(Catalog which);

/*
 * Changes go through SPI as the owner of the catalogs, so that triggers see
 * them whoever makes them.  Between as_owner() and as_caller() the caller's
 * identity is set aside; an error puts it back as it does for any function.
 */
typedef struct Caller
{
	Oid			role;
	int			context;
} Caller;

extern Oid	catalog_owner(void);

/* Whether the caller is that owner, has its privileges, or is a superuser. */
extern bool caller_owns_catalogs(void);
extern Caller as_owner(void);
extern void as_caller(Caller caller);

/*
 * For triggers on the catalogs: whether it is a statement of ours that changes
 * them now, and on whose behalf.
 */
extern bool catalog_change_is_ours(void);
extern Oid	catalog_asker(void);

/* A rare statement, as the owner, planned for this one time; none of its values is NULL. */
extern void catalog_run_once(const char *sql, int nargs, Oid *types, Datum *values);

/*
 * One statement with its plan, kept for the session.  The text names every
 * object and every operator with its schema: the caller's search_path decides
 * nothing.
 */
typedef struct Statement
{
	const char *sql;
	int			nargs;
	Oid			argtypes[32];
	bool		reads_all;		/* it counts a whole table; all others go by an index */
	SPIPlanPtr	plan;
	Oid			made_for;		/* the catalogs it was planned on: CREATE EXTENSION may have made new ones */
} Statement;

/* STATEMENT("SELECT ... $1", 1, {TEXTOID}) */
#define STATEMENT(text, n, ...) {.sql = (text), .nargs = (n), .argtypes = __VA_ARGS__}

/* For the texts of statements. */
#define EQ " OPERATOR(pg_catalog.=) "
#define NE " OPERATOR(pg_catalog.<>) "
#define LE " OPERATOR(pg_catalog.<=) "

/*
 * Runs it inside an SPI connection; nulls may be NULL.  Returns the number of
 * rows; they are in SPI_tuptable.  max_rows 0: all.
 */
extern uint64 statement_run(Statement *statement, Datum *values, const char *nulls, long max_rows);

/* The same for very many rows: to be fetched and closed as any portal of SPI's. */
extern struct PortalData *statement_open(Statement *statement, Datum *values);

#endif
