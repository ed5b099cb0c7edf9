/*
 * store/write.c: changes, through SPI and as the owner of the catalogs, so that
 * triggers on them fire for these exactly as for whoever goes round the API.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/refuse.h"
#include "crypto/random.h"
#include "store/prune.h"
#include "store/row.h"

/*
 * Runs a statement and hands its rows to take() in the caller's own memory
 * context.  Returns how many there were.
 */
typedef void (*row_taker) (HeapTuple tuple, TupleDesc desc, void *arg);

static uint64
run(Statement *statement, Datum *values, const char *nulls, row_taker take, void *arg)
{
	MemoryContext mine = CurrentMemoryContext;
	Caller		caller = as_owner();
	uint64		n;

	SPI_connect();
	n = statement_run(statement, values, nulls, 0);
	for (uint64 i = 0; take && i < n; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(mine);

		take(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, arg);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	as_caller(caller);
	return n;
}

static int64
run_count(Statement *statement, Datum *values)
{
	Caller		caller = as_owner();
	int64		count;
	bool		isnull;

	SPI_connect();
	statement_run(statement, values, NULL, 1);
	count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	as_caller(caller);
	return count;
}

/* ---- secrets ---- */

#define OF_THAT_NAME "SELECT * FROM secrets_catalog.secret WHERE name" EQ "$1 AND deleted_at IS NULL "

bool
store_lock(const char *name, LockStrength strength, Secret *secret)
{
	static Statement by_strength[] = {
		[LOCK_CHANGE] = STATEMENT(OF_THAT_NAME "FOR NO KEY UPDATE", 1, {TEXTOID}),
		[LOCK_RESEAL] = STATEMENT(OF_THAT_NAME "FOR UPDATE", 1, {TEXTOID}),
	};
	Datum		values[] = {CStringGetTextDatum(name)};

	return run(&by_strength[strength], values, NULL, secret_decode, secret) > 0;
}

bool
store_lock_by_id(const pg_uuid_t *id, bool wait, Secret *secret)
{
	static Statement statements[] = {
		[false] = STATEMENT("SELECT * FROM secrets_catalog.secret WHERE id" EQ "$1 FOR NO KEY UPDATE SKIP LOCKED", 1, {UUIDOID}),
		[true] = STATEMENT("SELECT * FROM secrets_catalog.secret WHERE id" EQ "$1 FOR NO KEY UPDATE", 1, {UUIDOID}),
	};
	Datum		values[] = {UUIDPGetDatum(id)};

	return run(&statements[wait], values, NULL, secret_decode, secret) > 0;
}

typedef struct IdList
{
	pg_uuid_t  *ids;
	int			n;
	int			max;
} IdList;

static void
take_id(HeapTuple tuple, TupleDesc desc, void *arg)
{
	IdList	   *list = arg;
	bool		isnull;

	if (list->n < list->max)
		list->ids[list->n++] = *DatumGetUUIDP(SPI_getbinval(tuple, desc, 1, &isnull));
}

/* Deleted ones are few, and an index on their names finds them all. */
int
store_find_purgeable(TimestampTz now, pg_uuid_t *ids, int max_ids)
{
	static Statement statement = STATEMENT(
		"SELECT id FROM secrets_catalog.secret WHERE deleted_at IS NOT NULL AND purge_after" LE "$1 "
		"ORDER BY purge_after LIMIT $2", 2, {TIMESTAMPTZOID, INT8OID});
	Datum		values[] = {TimestampTzGetDatum(now), Int64GetDatum(max_ids)};
	IdList		list = {ids, 0, max_ids};

	run(&statement, values, NULL, take_id, &list);
	return list.n;
}

int
store_find_expired(TimestampTz after, TimestampTz until, pg_uuid_t *ids, int max_ids)
{
	static Statement statement = STATEMENT(
		"SELECT id FROM secrets_catalog.secret WHERE deleted_at IS NULL AND expires_at OPERATOR(pg_catalog.>) $1 "
		"AND expires_at" LE "$2 LIMIT $3", 3, {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID});
	Datum		values[] = {TimestampTzGetDatum(after), TimestampTzGetDatum(until), Int64GetDatum(max_ids)};
	IdList		list = {ids, 0, max_ids};

	run(&statement, values, NULL, take_id, &list);
	return list.n;
}

typedef struct SecretList
{
	Secret	   *secrets;
	int			n;
} SecretList;

static void
take_secret(HeapTuple tuple, TupleDesc desc, void *arg)
{
	SecretList *list = arg;

	list->secrets = list->secrets ? repalloc(list->secrets, sizeof(Secret) * (Size) (list->n + 1)) : palloc(sizeof(Secret));
	secret_decode(tuple, desc, &list->secrets[list->n++]);
}

int
store_lock_deleted(const char *name, const pg_uuid_t *id, Secret **secrets)
{
	static Statement statement = STATEMENT(
		"SELECT * FROM secrets_catalog.secret WHERE name" EQ "$1 AND deleted_at IS NOT NULL "
		"AND ($2 IS NULL OR id" EQ "$2) ORDER BY deleted_at USING OPERATOR(pg_catalog.>), id FOR UPDATE",
		2, {TEXTOID, UUIDOID});
	Datum		values[] = {CStringGetTextDatum(name), PointerGetDatum(id)};
	SecretList	list = {0};

	run(&statement, values, id ? "  " : " n", take_secret, &list);
	*secrets = list.secrets;
	return list.n;
}

#define SECRET_TYPES \
	{UUIDOID, INT8OID, INT8OID, INT8OID, BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, \
	 TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, JSONBOID}

bool
store_insert(Secret *secret)
{
	static Statement statement = STATEMENT(
		"INSERT INTO secrets_catalog.secret VALUES "
		"($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) "
		"ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING",
		SECRET_COLUMNS, SECRET_TYPES);
	Datum		values[SECRET_COLUMNS];
	char		nulls[SECRET_COLUMNS];

	if (!random_uuid(secret->id.data))
		refuse_crypto();
	secret_encode(secret, values, nulls);
	return run(&statement, values, nulls, NULL, NULL) > 0;
}

/*
 * Two renames to one name may meet; the index decides, and its words (which
 * quote the key) become ours.  The transaction is lost either way.
 */
void
store_update(const Secret *secret)
{
	static Statement statement = STATEMENT(
		"UPDATE secrets_catalog.secret SET current_version = $2, previous_version = $3, last_version = $4, "
		"disabled = $5, expires_at = $6, created_at = $7, changed_at = $8, deleted_at = $9, purge_after = $10, "
		"watch_until = $11, max_versions = $12, kind = $13, name = $14, content_type = $15, description = $16, "
		"tags = $17, deleted_by = $18, watch_channel = $19, generator = $20 WHERE id" EQ "$1",
		SECRET_COLUMNS, SECRET_TYPES);
	MemoryContext mine = CurrentMemoryContext;
	Datum		values[SECRET_COLUMNS];
	char		nulls[SECRET_COLUMNS];

	secret_encode(secret, values, nulls);
	PG_TRY();
	{
		run(&statement, values, nulls, NULL, NULL);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mine);
		if (geterrcode() != ERRCODE_UNIQUE_VIOLATION)
			PG_RE_THROW();
		FlushErrorState();
		REFUSE(ERRCODE_DUPLICATE_OBJECT, errmsg("a secret of that name exists"));
	}
	PG_END_TRY();
}

void
store_purge(const Secret *secret)
{
	static Statement statements[] = {
		STATEMENT("DELETE FROM secrets_catalog.stage WHERE secret_id" EQ "$1", 1, {UUIDOID}),
		STATEMENT("DELETE FROM secrets_catalog.version WHERE secret_id" EQ "$1", 1, {UUIDOID}),
		STATEMENT("DELETE FROM secrets_catalog.secret WHERE id" EQ "$1", 1, {UUIDOID}),
	};
	Datum		values[] = {UUIDPGetDatum(&secret->id)};

	for (int i = 0; i < lengthof(statements); i++)
		run(&statements[i], values, NULL, NULL, NULL);
}

/* ---- versions ---- */

#define VERSION_TYPES \
	{UUIDOID, INT8OID, TIMESTAMPTZOID, BOOLOID, TIMESTAMPTZOID, InvalidOid, TEXTOID, UUIDOID, TEXTOID}

static void
write_version(Statement *statement, const Secret *secret, const Version *version)
{
	Datum		values[VERSION_COLUMNS];
	char		nulls[VERSION_COLUMNS];

	/* The type was made by the install script; its OID is known at run time only. */
	statement->argtypes[VERSION_VALUE - 1] = get_atttype(catalog_oid(CATALOG_VERSION), VERSION_VALUE);
	version_encode(secret, version, values, nulls);
	run(statement, values, nulls, NULL, NULL);
}

void
store_insert_version(const Secret *secret, const Version *version)
{
	static Statement statement = STATEMENT(
		"INSERT INTO secrets_catalog.version VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		VERSION_COLUMNS, VERSION_TYPES);

	write_version(&statement, secret, version);
}

void
store_update_version(const Secret *secret, const Version *version)
{
	static Statement statement = STATEMENT(
		"UPDATE secrets_catalog.version SET created_at = $3, disabled = $4, destroyed_at = $5, value = $6, "
		"created_by = $7, request_id = $8, public_half = $9 WHERE secret_id" EQ "$1 AND version" EQ "$2",
		VERSION_COLUMNS, VERSION_TYPES);

	write_version(&statement, secret, version);
}

bool
store_get_version(const Secret *secret, int64 version, Version *found)
{
	static Statement statement = STATEMENT(
		"SELECT * FROM secrets_catalog.version WHERE secret_id" EQ "$1 AND version" EQ "$2 FOR NO KEY UPDATE",
		2, {UUIDOID, INT8OID});
	Datum		values[] = {UUIDPGetDatum(&secret->id), Int64GetDatum(version)};

	return run(&statement, values, NULL, version_decode, found) > 0;
}

typedef struct NumberList
{
	int64	   *numbers;
	int			n;
} NumberList;

static void
take_number(HeapTuple tuple, TupleDesc desc, void *arg)
{
	NumberList *list = arg;
	bool		isnull;

	list->numbers = list->numbers ? repalloc(list->numbers, sizeof(int64) * (Size) (list->n + 1)) : palloc(sizeof(int64));
	list->numbers[list->n++] = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
}

int
store_get_version_numbers(const Secret *secret, int64 **numbers)
{
	static Statement statement = STATEMENT(
										   "SELECT version FROM secrets_catalog.version WHERE secret_id" EQ "$1 ORDER BY version",
										   1, {UUIDOID});
	Datum		values[] = {UUIDPGetDatum(&secret->id)};
	NumberList	list = {0};

	run(&statement, values, NULL, take_number, &list);
	*numbers = list.numbers;
	return list.n;
}

static void
take_int64(HeapTuple tuple, TupleDesc desc, void *arg)
{
	bool		isnull;

	*(int64 *) arg = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
}

int64
store_find_request(const Secret *secret, const pg_uuid_t *request_id)
{
	static Statement statement = STATEMENT(
		"SELECT version FROM secrets_catalog.version WHERE secret_id" EQ "$1 AND request_id" EQ "$2",
		2, {UUIDOID, UUIDOID});
	Datum		values[] = {UUIDPGetDatum(&secret->id), UUIDPGetDatum(request_id)};
	int64		version = NO_VERSION;

	run(&statement, values, NULL, take_int64, &version);
	return version;
}

void
store_prune(const Secret *secret)
{
	static Statement statement = STATEMENT(
										   "DELETE FROM secrets_catalog.version WHERE secret_id" EQ "$1 AND version" EQ "$2",
										   2, {UUIDOID, INT8OID});
	int64		oldest_kept = secret->last_version - store_versions_kept(secret);
	int64	   *old;
	int			n;

	if (oldest_kept <= 0)
		return;
	n = find_unstaged_versions(secret, oldest_kept, &old);
	for (int i = 0; i < n; i++)
	{
		Datum		values[] = {UUIDPGetDatum(&secret->id), Int64GetDatum(old[i])};

		run(&statement, values, NULL, NULL, NULL);
	}
}

/* ---- stages ---- */

void
store_set_stage(const Secret *secret, const char *stage, int64 version)
{
	static Statement statement = STATEMENT(
		"INSERT INTO secrets_catalog.stage VALUES ($1, $2, $3) "
		"ON CONFLICT (secret_id, stage) DO UPDATE SET version = EXCLUDED.version",
		3, {UUIDOID, TEXTOID, INT8OID});
	Datum		values[] = {UUIDPGetDatum(&secret->id), CStringGetTextDatum(stage), Int64GetDatum(version)};

	run(&statement, values, NULL, NULL, NULL);
}

bool
store_drop_stage(const Secret *secret, const char *stage)
{
	static Statement statement = STATEMENT(
		"DELETE FROM secrets_catalog.stage WHERE secret_id" EQ "$1 AND stage" EQ "$2",
		2, {UUIDOID, TEXTOID});
	Datum		values[] = {UUIDPGetDatum(&secret->id), CStringGetTextDatum(stage)};

	return run(&statement, values, NULL, NULL, NULL) > 0;
}

int
store_count_stages(const Secret *secret, int64 version)
{
	static Statement statement = STATEMENT(
		"SELECT pg_catalog.count(*) FROM secrets_catalog.stage WHERE secret_id" EQ "$1 AND version" EQ "$2",
		2, {UUIDOID, INT8OID});
	Datum		values[] = {UUIDPGetDatum(&secret->id), Int64GetDatum(version)};

	return (int) run_count(&statement, values)
		+ (secret->current_version == version) + (secret->previous_version == version);
}

/* ---- everything ---- */

int64
store_count_secrets(void)
{
	static Statement statement = STATEMENT(
		"SELECT pg_catalog.count(*) FROM secrets_catalog.secret WHERE deleted_at IS NULL", 0, {0});

	statement.reads_all = true;
	return run_count(&statement, NULL);
}

static Datum
key_datum(const uint8_t key_id[BOX_ID_LEN])
{
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	memcpy(id->data, key_id, UUID_LEN);
	return UUIDPGetDatum(id);
}

int64
store_count_other_keys(const uint8_t key_id[BOX_ID_LEN])
{
	static Statement statement = STATEMENT(
		"SELECT pg_catalog.count(*) FROM secrets_catalog.version "
		"v WHERE value IS NOT NULL AND secrets_catalog.box_key(value)" NE "$1 "
		"AND EXISTS (SELECT FROM secrets_catalog.secret s WHERE s.id" EQ "v.secret_id)",
		1, {UUIDOID});
	Datum		values[] = {key_datum(key_id)};

	statement.reads_all = true;
	return run_count(&statement, values);
}

#define VALUE_OF_OTHER_KEY \
	"SELECT v.*, s.name FROM secrets_catalog.version v JOIN secrets_catalog.secret s ON s.id" EQ "v.secret_id " \
	"WHERE v.secret_id" EQ "$1 AND v.version" EQ "$2 " \
	"AND v.value IS NOT NULL AND secrets_catalog.box_key(v.value)" NE "$3 "

typedef struct NamedValue
{
	Secret	   *secret;
	Version    *version;
} NamedValue;

static void
take_value(HeapTuple tuple, TupleDesc desc, void *arg)
{
	NamedValue *value = arg;
	bool		isnull;

	version_decode(tuple, desc, value->version);
	value->secret->name = TextDatumGetCString(SPI_getbinval(tuple, desc, VERSION_COLUMNS + 1, &isnull));
}

bool
store_lock_value(const ValueKey *key, const uint8_t key_id[BOX_ID_LEN], bool wait,
				 Secret *secret, Version *version)
{
	static Statement statements[] = {
		[false] = STATEMENT(VALUE_OF_OTHER_KEY "FOR KEY SHARE OF s SKIP LOCKED FOR NO KEY UPDATE OF v SKIP LOCKED",
							 3, {UUIDOID, INT8OID, UUIDOID}),
		[true] = STATEMENT(VALUE_OF_OTHER_KEY "FOR KEY SHARE OF s FOR NO KEY UPDATE OF v",
							 3, {UUIDOID, INT8OID, UUIDOID}),
	};
	Datum		values[] = {UUIDPGetDatum(&key->secret_id), Int64GetDatum(key->version), key_datum(key_id)};
	NamedValue	value = {secret, version};

	secret->id = key->secret_id;
	return run(&statements[wait], values, NULL, take_value, &value) > 0;
}
