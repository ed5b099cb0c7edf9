/*
 * keyring/master.c: reading, wrapping and writing the rows of master_key.
 *
 * A key's id is random and its own, never used again: a transaction that made
 * a key and rolled back leaves nothing behind that could be taken for the next
 * one, in any process's memory.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/catalog.h"
#include "base/refuse.h"
#include "crypto/codec.h"
#include "crypto/kdf.h"
#include "crypto/random.h"
#include "keyring/master.h"

/* Columns, as in keyring.sql. */
#define MASTER_KEY_ID	1
#define MASTER_VERSION	2
#define MASTER_WRAPS	4

static void
read_row(HeapTuple tuple, TupleDesc desc, MasterRow *row)
{
	bool		isnull;
	ArrayType  *array;
	Datum	   *elements;

	memcpy(row->id, DatumGetUUIDP(heap_getattr(tuple, MASTER_KEY_ID, desc, &isnull))->data, BOX_ID_LEN);
	row->version = DatumGetInt64(heap_getattr(tuple, MASTER_VERSION, desc, &isnull));
	row->nwraps = 0;
	row->wraps = palloc(sizeof(SealedBox *));
	array = (ArrayType *) DatumGetPointer(heap_getattr(tuple, MASTER_WRAPS, desc, &isnull));
	if (isnull)
		return;					/* by hand: then no root key opens it */
	array = DatumGetArrayTypePCopy(PointerGetDatum(array));
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &elements, NULL, &row->nwraps);
	row->wraps = repalloc(row->wraps, sizeof(SealedBox *) * (Size) Max(row->nwraps, 1));
	for (int i = 0; i < row->nwraps; i++)
		row->wraps[i] = (SealedBox *) PG_DETOAST_DATUM(elements[i]);
}

bool
master_find(const uint8_t id[BOX_ID_LEN], MasterRow *row)
{
	Relation	rel = catalog_open(CATALOG_MASTER_KEY);
	pg_uuid_t	wanted;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	memcpy(wanted.data, id, BOX_ID_LEN);
	ScanKeyInit(&key, MASTER_KEY_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&wanted));
	scan = systable_beginscan(rel, catalog_oid(CATALOG_MASTER_KEY_PKEY), true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
		read_row(tuple, RelationGetDescr(rel), row);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

MasterRow *
master_read_all(int *n)
{
	Relation	rel = catalog_open(CATALOG_MASTER_KEY);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	MasterRow  *rows = palloc(sizeof(MasterRow));
	HeapTuple	tuple;

	*n = 0;
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		rows = repalloc(rows, sizeof(MasterRow) * (Size) (*n + 1));
		read_row(tuple, RelationGetDescr(rel), &rows[(*n)++]);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return rows;
}

/* Two keyrings may have met in one table by a restore: then the id decides between equal versions. */
bool
master_is_newer(const MasterRow *a, const MasterRow *b)
{
	if (a->version != b->version)
		return a->version > b->version;
	return memcmp(a->id, b->id, BOX_ID_LEN) > 0;
}

int
master_find_newest(MasterRow *row)
{
	int			n;
	MasterRow  *rows = master_read_all(&n);

	for (int i = 0; i < n; i++)
		if (i == 0 || master_is_newer(&rows[i], row))
			*row = rows[i];
	return n;
}

bool
master_find_version(int64 version, MasterRow *row)
{
	int			n;
	MasterRow  *rows = master_read_all(&n);
	bool		found = false;

	for (int i = 0; i < n; i++)
		if (rows[i].version == version && (!found || master_is_newer(&rows[i], row)))
		{
			*row = rows[i];
			found = true;
		}
	return found;
}

void
master_lock(void)
{
	LockRelationOid(catalog_oid(CATALOG_MASTER_KEY), ShareRowExclusiveLock);
}

/* What a wrap is bound to: a wrap moved to another row opens nothing. */
static XaesKey *
make_wrapping_key(const RootKey *root)
{
	uint8_t		bytes[CRYPTO_KEY_LEN];
	XaesKey    *key = NULL;

	if (kdf_subkey(root->key, "secrets/wrap/v1", bytes))
		key = xaes_new(bytes);
	crypto_wipe(bytes, sizeof(bytes));
	if (key == NULL)
		refuse_crypto();
	return key;
}

SealedBox *
master_wrap(const RootKey *root, const MasterRow *row, const uint8_t key[CRYPTO_KEY_LEN])
{
	BoxHeader	header = {.kind = BOX_MASTER_KEY,.content = BOX_BYTES};
	uint8_t		version[8];
	Bytes		fields[] = {{row->id, BOX_ID_LEN}, {version, sizeof(version)}};
	SealedBox  *wrap = box_alloc(CRYPTO_KEY_LEN);
	XaesKey    *wrapping = make_wrapping_key(root);
	CryptoResult result;

	put_be64(version, (uint64) row->version);
	memcpy(header.key_id, root->id, ROOT_ID_LEN);	/* the rest of the field is zero */
	result = box_seal(wrapping, &header, fields, lengthof(fields), key, CRYPTO_KEY_LEN, (uint8_t *) VARDATA(wrap));
	xaes_free(wrapping);
	if (result != CRYPTO_OK)
		refuse_crypto();
	return wrap;
}

int
master_wrap_of(const MasterRow *row, const uint8_t root_id[ROOT_ID_LEN])
{
	for (int i = 0; i < row->nwraps; i++)
	{
		BoxHeader	header;

		if (box_parse((uint8_t *) VARDATA(row->wraps[i]), VARSIZE(row->wraps[i]) - VARHDRSZ, &header)
			&& header.kind == BOX_MASTER_KEY
			&& memcmp(header.key_id, root_id, ROOT_ID_LEN) == 0)
			return i;
	}
	return -1;
}

bool
master_unwrap(const RootKey *root, const MasterRow *row, uint8_t key[CRYPTO_KEY_LEN])
{
	int			which = master_wrap_of(row, root->id);
	uint8_t		version[8];
	Bytes		fields[] = {{row->id, BOX_ID_LEN}, {version, sizeof(version)}};
	XaesKey    *wrapping;
	CryptoResult result;

	if (which < 0)
		return false;
	put_be64(version, (uint64) row->version);
	wrapping = make_wrapping_key(root);
	result = box_open(wrapping, fields, lengthof(fields),
					  (uint8_t *) VARDATA(row->wraps[which]), VARSIZE(row->wraps[which]) - VARHDRSZ, key);
	xaes_free(wrapping);
	if (result == CRYPTO_BROKEN)
		refuse_crypto();
	return result == CRYPTO_OK;
}

char *
describe_wrong_root(const uint8_t root_id[ROOT_ID_LEN], const MasterRow *row)
{
	StringInfoData text;
	char		here[ROOT_ID_HEX_LEN + 1];

	codec_to_hex(root_id, ROOT_ID_LEN, here);
	initStringInfo(&text);
	if (master_wrap_of(row, root_id) >= 0)
	{
		/* Its id is there, and yet it does not open: somebody changed the row. */
		appendStringInfo(&text, "root key %s is here, but its wrap of master key version " INT64_FORMAT " does not verify",
						 here, row->version);
		return text.data;
	}
	appendStringInfo(&text, "the root key here is %s, but this database needs ", here);
	if (row->nwraps == 0)
		appendStringInfoString(&text, "one whose wrap is gone");
	for (int i = 0; i < row->nwraps; i++)
		appendStringInfo(&text, "%s%s", i ? " or " : "", keyring_wrap_root_id(row->wraps[i]));
	return text.data;
}

void
refuse_wrong_root(const RootKey *root, const MasterRow *row)
{
	REFUSE(ERRCODE_SYSTEM_ERROR,
		   errmsg("wrong root key: %s", describe_wrong_root(root->id, row)),
		   errhint("Put the root key of that id at the place that secrets.root_key names, and call secrets.unseal()."));
}

/* ---- writing ---- */

/* The type of the wraps, as the table has it. */
static Datum
wraps_datum(const MasterRow *row, Oid *array_type)
{
	Oid			type = get_atttype(catalog_oid(CATALOG_MASTER_KEY), MASTER_WRAPS);
	Datum	   *elements = palloc(sizeof(Datum) * (Size) Max(row->nwraps, 1));

	for (int i = 0; i < row->nwraps; i++)
		elements[i] = PointerGetDatum(row->wraps[i]);
	*array_type = type;
	return PointerGetDatum(construct_array(elements, row->nwraps, get_element_type(type), -1, false, TYPALIGN_INT));
}

static Datum
id_datum(const MasterRow *row)
{
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	memcpy(id->data, row->id, UUID_LEN);
	return UUIDPGetDatum(id);
}

void
master_insert(const MasterRow *row)
{
	Oid			types[] = {UUIDOID, INT8OID, TIMESTAMPTZOID, InvalidOid};
	Datum		values[4];

	values[0] = id_datum(row);
	values[1] = Int64GetDatum(row->version);
	values[2] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[3] = wraps_datum(row, &types[3]);
	catalog_run_once("INSERT INTO secrets_catalog.master_key (key_id, version, created_at, wraps) VALUES ($1, $2, $3, $4)",
			 4, types, values);
}

void
master_update_wraps(const MasterRow *row)
{
	Oid			types[] = {UUIDOID, InvalidOid};
	Datum		values[2];

	values[0] = id_datum(row);
	values[1] = wraps_datum(row, &types[1]);
	catalog_run_once("UPDATE secrets_catalog.master_key SET wraps = $2 WHERE key_id" EQ "$1", 2, types, values);
}
