/*
 * keyring/rootkey.c: adding a root key, dropping one, and what that promises.
 *
 * Every master key is wrapped by every registered root key, so that any one of
 * them opens the database: that is how the root key is changed without
 * downtime, and how one is kept in a safe elsewhere.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/refuse.h"
#include "crypto/codec.h"
#include "crypto/random.h"
#include "keyring/rootkey.h"

/* Columns, as in keyring.sql. */
#define ROOT_ID		1
#define ROOT_SOURCE	2

typedef struct RootRow
{
	char	   *id;
	char	   *source;
} RootRow;

static RootRow *
read_rows(int *n)
{
	Relation	rel = catalog_open(CATALOG_ROOT_KEY);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	RootRow    *rows = palloc(sizeof(RootRow));
	HeapTuple	tuple;

	*n = 0;
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		TupleDesc	desc = RelationGetDescr(rel);
		bool		isnull;

		rows = repalloc(rows, sizeof(RootRow) * (Size) (*n + 1));
		rows[*n].id = TextDatumGetCString(heap_getattr(tuple, ROOT_ID, desc, &isnull));
		rows[*n].source = TextDatumGetCString(heap_getattr(tuple, ROOT_SOURCE, desc, &isnull));
		(*n)++;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return rows;
}

static bool
is_registered(const char *id)
{
	int			n;
	RootRow    *rows = read_rows(&n);

	for (int i = 0; i < n; i++)
		if (strcmp(rows[i].id, id) == 0)
			return true;
	return false;
}

void
rootkey_require(RootKey *root, uint64 *generation)
{
	/* Sealed at the one look and open at the next: then look again, or there is no key in root. */
	while (!page_get_root(root, generation))
		keyring_require_open();
}

/* One that is not in memory; 55000 where it cannot be had. */
static void
read_from_place(const RootRow *row, RootKey *root)
{
	char		why[SOURCE_WHY_LEN] = "";
	char		id[ROOT_ID_HEX_LEN + 1] = "";

	if (source_load(row->source, root->key, why) && root_key_id(root->key, root->id))
	{
		codec_to_hex(root->id, ROOT_ID_LEN, id);
		if (strcmp(id, row->id) == 0)
			return;
		snprintf(why, sizeof(why), "root key %s is there now", id);
	}
	crypto_wipe(root, sizeof(*root));
	REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		   errmsg("root key %s is registered, but cannot be had from its place", row->id),
		   errdetail("%s.", why),
		   errhint("A new master key is wrapped by every registered root key. "
				   "Put that key back at its place, or call secrets.drop_root_key()."));
}

RootKey *
rootkey_read_all(const RootKey *in_memory, int *n)
{
	int			nrows;
	RootRow    *rows = read_rows(&nrows);
	RootKey    *roots = (RootKey *) buffer_data(buffer_alloc(sizeof(RootKey) * (Size) (nrows + 1)));
	char		id[ROOT_ID_HEX_LEN + 1];

	codec_to_hex(in_memory->id, ROOT_ID_LEN, id);
	roots[0] = *in_memory;
	*n = 1;
	for (int i = 0; i < nrows; i++)
		if (strcmp(rows[i].id, id) != 0)
			read_from_place(&rows[i], &roots[(*n)++]);
	return roots;
}

void
rootkey_register(const RootKey *root, const char *place)
{
	char		id[ROOT_ID_HEX_LEN + 1];
	Oid			types[] = {TEXTOID, TEXTOID, TIMESTAMPTZOID};
	Datum		values[3];

	codec_to_hex(root->id, ROOT_ID_LEN, id);
	if (is_registered(id))
		return;
	values[0] = CStringGetTextDatum(id);
	values[1] = CStringGetTextDatum(place);
	values[2] = TimestampTzGetDatum(GetCurrentTimestamp());
	catalog_run_once("INSERT INTO secrets_catalog.root_key (id, source, added_at) VALUES ($1, $2, $3)", 3, types, values);
}

void
master_create(const RootKey *root, int64 version, MasterRow *row)
{
	int			n;
	RootKey    *roots = rootkey_read_all(root, &n);
	uint8_t    *key = (uint8_t *) buffer_data(buffer_alloc(CRYPTO_KEY_LEN));

	if (!random_secret(key, CRYPTO_KEY_LEN) || !random_uuid(row->id))
		refuse_crypto();
	row->version = version;
	row->nwraps = n;
	row->wraps = palloc(sizeof(SealedBox *) * (Size) n);
	for (int i = 0; i < n; i++)
		row->wraps[i] = master_wrap(&roots[i], row, key);
	rootkey_register(root, page_source());
	master_insert(row);
}

/* Puts the new wrap in, in place of an older one of the same root key. */
static void
add_wrap(MasterRow *row, const RootKey *root, SealedBox *wrap)
{
	int			which = master_wrap_of(row, root->id);

	if (which < 0)
	{
		which = row->nwraps++;
		row->wraps = repalloc(row->wraps, sizeof(SealedBox *) * (Size) row->nwraps);
	}
	row->wraps[which] = wrap;
}

/* Wraps one master key for the new root key, and opens that wrap again before it is believed. */
static void
wrap_for(const RootKey *here, const RootKey *added, MasterRow *row)
{
	uint8_t    *keys = (uint8_t *) buffer_data(buffer_alloc(2 * CRYPTO_KEY_LEN));

	if (!master_unwrap(here, row, keys))
		refuse_wrong_root(here, row);
	add_wrap(row, added, master_wrap(added, row, keys));
	if (!master_unwrap(added, row, keys + CRYPTO_KEY_LEN) || !crypto_equal(keys, keys + CRYPTO_KEY_LEN, CRYPTO_KEY_LEN))
		refuse_crypto();
	master_update_wraps(row);
	crypto_wipe(keys, 2 * CRYPTO_KEY_LEN);
}

char *
keyring_add_root(const GatePass *pass, const char *place)
{
	RootKey    *roots = (RootKey *) buffer_data(buffer_alloc(2 * sizeof(RootKey)));
	RootKey    *here = &roots[0];
	RootKey    *added = &roots[1];
	char		why[SOURCE_WHY_LEN] = "";
	char	   *id = palloc(ROOT_ID_HEX_LEN + 1);
	uint64		generation;
	MasterRow  *rows;
	int			n;

	Assert(pass->granted);
	if (!source_is_known(place))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("the source of a root key begins with \"file:\" or \"command:\""));
	rootkey_require(here, &generation);
	if (!source_load(place, added->key, why) || !root_key_id(added->key, added->id))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the new root key cannot be had"),
			   errdetail("%s.", why),
			   errhint("Make one, for instance, by: (umask 077; openssl rand -hex 32 > FILE), owned by the server's user."));
	codec_to_hex(added->id, ROOT_ID_LEN, id);

	master_lock();
	if (is_registered(id) || memcmp(added->id, here->id, ROOT_ID_LEN) == 0)
		REFUSE(ERRCODE_DUPLICATE_OBJECT, errmsg("root key %s is there already", id));
	rootkey_register(here, page_source());
	rows = master_read_all(&n);
	for (int i = 0; i < n; i++)
		wrap_for(here, added, &rows[i]);
	rootkey_register(added, place);
	return id;
}

/* Takes one wrap out, after another was seen to open. */
static void
remove_wrap(const RootKey *here, MasterRow *row, const uint8_t id[ROOT_ID_LEN])
{
	uint8_t    *key = (uint8_t *) buffer_data(buffer_alloc(CRYPTO_KEY_LEN));
	int			which = master_wrap_of(row, id);

	if (!master_unwrap(here, row, key))
		refuse_wrong_root(here, row);
	if (which < 0)
		return;
	row->wraps[which] = row->wraps[--row->nwraps];
	master_update_wraps(row);
}

void
keyring_drop_root(const GatePass *pass, const char *id)
{
	RootKey    *here = (RootKey *) buffer_data(buffer_alloc(sizeof(RootKey)));
	uint8_t		bytes[ROOT_ID_LEN];
	uint64		generation;
	Oid			types[] = {TEXTOID};
	Datum		values[1];
	MasterRow  *rows;
	int			n;

	Assert(pass->granted);
	master_lock();
	rootkey_require(here, &generation);
	if (strlen(id) != ROOT_ID_HEX_LEN || !codec_from_hex(id, ROOT_ID_HEX_LEN, bytes) || !is_registered(id))
		REFUSE(ERRCODE_UNDEFINED_OBJECT, errmsg("no such root key"),
			   errhint("The view secrets.root_keys lists them."));
	if (memcmp(bytes, here->id, ROOT_ID_LEN) == 0)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("root key %s is the one in use", id),
			   errhint("Put another registered root key at the place that secrets.root_key names, and call secrets.unseal() first."));
	rows = master_read_all(&n);
	for (int i = 0; i < n; i++)
		remove_wrap(here, &rows[i], bytes);
	(void) read_rows(&n);
	if (n == 1)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("root key %s is the last of this database", id),
			   errhint("Add another one first, by secrets.add_root_key()."));
	values[0] = CStringGetTextDatum(id);
	catalog_run_once("DELETE FROM secrets_catalog.root_key WHERE id" EQ "$1", 1, types, values);
}
