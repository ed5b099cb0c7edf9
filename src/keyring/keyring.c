/*
 * keyring/keyring.c: which key, made ready, and the two verbs.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/refuse.h"
#include "crypto/codec.h"
#include "crypto/kdf.h"
#include "crypto/mac.h"
#include "keyring/keyring.h"
#include "keyring/rootkey.h"

static char *root_key_setting = NULL;
static bool crypto_works = false;

/*
 * Master keys made ready, this process's own.  They are as secret as the keys:
 * those of an older generation are freed before anything else is done.
 */
#define READY_SLOTS 8

typedef struct ReadyKey
{
	uint8_t		id[BOX_ID_LEN];
	XaesKey    *key;			/* for values */
	MacKey	   *mac;			/* for the audit */
} ReadyKey;

static ReadyKey ready_keys[READY_SLOTS];
static int	ready_next = 0;
static uint64 ready_generation = 0;

const char *
keyring_root_key_setting(void)
{
	return root_key_setting;
}

bool
keyring_crypto_works(void)
{
	return crypto_works;
}

void
keyring_init(void)
{
	crypto_works = crypto_self_test();

	DefineCustomStringVariable("secrets.root_key",
							   "Where the root key is: file:/path, or command:/path argument ...",
							   "A place, never the key. It is read when the server starts and by secrets.unseal(); "
							   "empty means sealed. Keep it outside the data directory, and a copy of it elsewhere: "
							   "without the root key no backup can be read.",
							   &root_key_setting, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY | GUC_DISALLOW_IN_AUTO_FILE, NULL, NULL, NULL);
	page_init();
}

static void
empty_slot(ReadyKey *slot)
{
	xaes_free(slot->key);
	mac_free(slot->mac);
	slot->key = NULL;
	slot->mac = NULL;
}

static void
drop_old_generation(void)
{
	uint64		generation = page_generation();

	if (generation == ready_generation)
		return;
	for (int i = 0; i < READY_SLOTS; i++)
		empty_slot(&ready_keys[i]);
	ready_generation = generation;
}

void
keyring_require_open(void)
{
	drop_old_generation();
	switch (page_state())
	{
		case PAGE_READY:
			return;
		case PAGE_ABSENT:
			REFUSE(ERRCODE_SYSTEM_ERROR,
				   errmsg("secrets is not loaded"),
				   errhint("Add 'secrets' to shared_preload_libraries in postgresql.conf, "
						   "set secrets.root_key there too, and restart the server."));
			break;
		case PAGE_SEALED:
			REFUSE(ERRCODE_SYSTEM_ERROR,
				   errmsg("secrets is sealed"),
				   superuser() ? errdetail("%s.", page_why()) : 0,
				   errhint("SELECT * FROM secrets.status() says why; when the root key is in its place, "
						   "SELECT secrets.unseal()."));
	}
}

char *
keyring_root_id(void)
{
	char	   *id = palloc(ROOT_ID_HEX_LEN + 1);
	RootKey		root;			/* nothing may be raised while it is here */
	uint64		generation;

	if (!page_get_root(&root, &generation))
		return NULL;
	codec_to_hex(root.id, ROOT_ID_LEN, id);
	crypto_wipe(&root, sizeof(root));
	return id;
}

char *
keyring_wrap_root_id(const SealedBox *wrap)
{
	char	   *id = palloc(ROOT_ID_HEX_LEN + 1);
	const uint8_t *key_id;

	/* The key id of a wrap's header begins with the root key's. */
	if (!box_has_key_id(wrap, &key_id))
		return pstrdup("none");
	codec_to_hex(key_id, ROOT_ID_LEN, id);
	return id;
}

/* ---- master keys, ready for use ---- */

static ReadyKey *
find_ready(const uint8_t id[BOX_ID_LEN])
{
	for (int i = 0; i < READY_SLOTS; i++)
		if (ready_keys[i].key && memcmp(ready_keys[i].id, id, BOX_ID_LEN) == 0)
			return &ready_keys[i];
	return NULL;
}

/* Values are not sealed under the master key itself but under its subkey for values. */
static ReadyKey *
make_ready(const uint8_t id[BOX_ID_LEN], const uint8_t master[CRYPTO_KEY_LEN])
{
	ReadyKey   *slot = &ready_keys[ready_next];
	uint8_t		subkey[CRYPTO_KEY_LEN];
	XaesKey    *key = NULL;
	MacKey	   *mac = NULL;

	if (kdf_subkey(master, "secrets/values/v1", subkey))
		key = xaes_new(subkey);
	if (kdf_subkey(master, "secrets/audit/v1", subkey))
		mac = mac_new(subkey);
	crypto_wipe(subkey, sizeof(subkey));
	if (key == NULL || mac == NULL)
	{
		xaes_free(key);
		mac_free(mac);
		refuse_crypto();
	}

	ready_next = (ready_next + 1) % READY_SLOTS;
	empty_slot(slot);
	slot->key = key;
	slot->mac = mac;
	memcpy(slot->id, id, BOX_ID_LEN);
	return slot;
}

/* From its row: unwrapped, and kept for the other processes.  False: sealed, or the root key here is not its. */
static bool
try_unwrap_row(const MasterRow *row, uint8_t master[CRYPTO_KEY_LEN])
{
	RootKey    *root = (RootKey *) buffer_data(buffer_alloc(sizeof(RootKey)));
	uint64		generation;

	if (!page_get_root(root, &generation) || !master_unwrap(root, row, master))
		return false;
	page_keep_master(row->id, master, generation);
	return true;
}

/* The same, or 58000. */
static bool
unwrap_row(const MasterRow *row, uint8_t master[CRYPTO_KEY_LEN])
{
	RootKey    *root = (RootKey *) buffer_data(buffer_alloc(sizeof(RootKey)));
	uint64		generation;

	rootkey_require(root, &generation);
	if (!try_unwrap_row(row, master))
		refuse_wrong_root(root, row);
	return true;
}

/* The key of that id, or NULL where this database has none such.  row: if it is at hand already. */
static ReadyKey *
get_key(const uint8_t id[BOX_ID_LEN], const MasterRow *row)
{
	MemoryContext scratch;
	MemoryContext before;
	MasterRow	found;
	uint8_t    *master;
	ReadyKey   *key;

	keyring_require_open();
	if ((key = find_ready(id)) != NULL)
		return key;

	scratch = AllocSetContextCreate(CurrentMemoryContext, "secrets master key", ALLOCSET_SMALL_SIZES);
	before = MemoryContextSwitchTo(scratch);
	master = (uint8_t *) buffer_data(buffer_alloc(CRYPTO_KEY_LEN));
	if (page_find_master(id, master)
		|| (row && unwrap_row(row, master))
		|| (!row && master_find(id, &found) && unwrap_row(&found, master)))
		key = make_ready(id, master);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
	return key;
}

/*
 * The row that seals now.  It is read each time, not remembered: what this
 * process made and rolled back, or what somebody deleted, must not seal
 * anything.  The first writer of a database makes the first key.
 */
static void
get_sealing_row(MasterRow *row)
{
	RootKey    *root;
	uint64		generation;

	if (master_find_newest(row))
		return;
	master_lock();
	if (master_find_newest(row))
		return;
	root = (RootKey *) buffer_data(buffer_alloc(sizeof(RootKey)));
	rootkey_require(root, &generation);
	master_create(root, 1, row);
}

void
keyring_prepare_to_seal(const GatePass *pass)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "secrets sealing key", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(scratch);
	MasterRow	row;

	Assert(pass->granted);
	keyring_require_open();
	get_sealing_row(&row);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
}

static ReadyKey *
get_sealing_key(BoxHeader *header)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "secrets sealing key", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(scratch);
	RootKey    *root;
	uint64		generation;
	MasterRow	row;
	ReadyKey   *key;

	root = (RootKey *) buffer_data(buffer_alloc(sizeof(RootKey)));
	rootkey_require(root, &generation);
	get_sealing_row(&row);
	/* The key may be in memory still and its row have lost the wrap: what it sealed, nobody would open again. */
	if (master_wrap_of(&row, root->id) < 0)
		refuse_wrong_root(root, &row);
	key = get_key(row.id, &row);
	header->key_version = (uint32_t) row.version;
	memcpy(header->key_id, row.id, BOX_ID_LEN);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
	return key;
}

/* ---- the two verbs ---- */

SealedBox *
keyring_seal_box(const GatePass *pass, BoxKind kind, BoxContent content,
				 const Bytes *fields, int nfields, const char *plain, Size len)
{
	BoxHeader	header = {.kind = kind,.content = content};
	ReadyKey   *key = get_sealing_key(&header);
	SealedBox  *box = box_alloc(len);

	Assert(pass->granted);
	if (box_seal(key->key, &header, fields, nfields, (const uint8_t *) plain, len, (uint8_t *) VARDATA(box)) != CRYPTO_OK)
		refuse_crypto();
	return box;
}

OpenResult
keyring_try_open_box(const GatePass *pass, const SealedBox *box,
					 const Bytes *fields, int nfields, SecretBuffer **plain)
{
	const uint8_t *bytes = (const uint8_t *) VARDATA_ANY(box);
	Size		len = VARSIZE_ANY_EXHDR(box);
	BoxHeader	header;
	ReadyKey   *key;
	SecretBuffer *buf;

	Assert(pass->granted);
	if (!box_parse(bytes, len, &header))
		return OPEN_DIFFERENT;
	if ((key = get_key(header.key_id, NULL)) == NULL)
		return OPEN_NO_KEY;
	buf = buffer_alloc(len - BOX_OVERHEAD);
	switch (box_open(key->key, fields, nfields, bytes, len, (uint8_t *) buffer_data(buf)))
	{
		case CRYPTO_OK:
			*plain = buf;
			return OPEN_OK;
		case CRYPTO_MISMATCH:
			buffer_free(buf);
			return OPEN_DIFFERENT;
		case CRYPTO_BROKEN:
			break;
	}
	refuse_crypto();
}

void
keyring_refuse_box(OpenResult result, const SealedBox *box)
{
	char		id[2 * BOX_ID_LEN + 1] = "none";
	const uint8_t *key_id;

	if (box_has_key_id(box, &key_id))
		codec_to_hex(key_id, BOX_ID_LEN, id);
	REFUSE(ERRCODE_DATA_CORRUPTED,
		   errmsg("the stored value does not verify"),
		   errdetail("It names master key %s.", id),
		   errdetail_log("It names master key %s, which %s.", id,
						 result == OPEN_NO_KEY ? "is not in this database" : "is here, and its tag does not match"),
		   errhint("It was changed, moved or restored outside this extension; "
				   "secrets.put() stores a new version, an older one may be whole."));
}

/* ---- the audit's MAC ---- */

bool
keyring_is_open(void)
{
	drop_old_generation();
	return page_state() == PAGE_READY;
}

/* As get_key(), but where the root key is another one that is an answer, not an error. */
static ReadyKey *
try_get_key(const uint8_t id[BOX_ID_LEN])
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "secrets audit key", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(scratch);
	uint8_t    *master = (uint8_t *) buffer_data(buffer_alloc(CRYPTO_KEY_LEN));
	ReadyKey   *key = NULL;
	MasterRow	row;

	if (page_find_master(id, master) || (master_find(id, &row) && try_unwrap_row(&row, master)))
		key = make_ready(id, master);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
	return key;
}

static bool
opens(const uint8_t id[BOX_ID_LEN])
{
	return find_ready(id) != NULL || try_get_key(id) != NULL;
}

/* A row that somebody planted above the others shall not make everybody take the server for sealed. */
static bool
find_newest_that_opens(MasterRow *newest)
{
	int			n;
	MasterRow  *rows = master_read_all(&n);
	bool		found = false;

	for (int i = 0; i < n; i++)
		if ((!found || master_is_newer(&rows[i], newest)) && opens(rows[i].id))
		{
			*newest = rows[i];
			found = true;
		}
	return found;
}

static bool
find_audit_row(int64 version, MasterRow *row)
{
	if (version != 0)
		return master_find_version(version, row);
	return (keyring_is_open() && find_newest_that_opens(row)) || master_find_newest(row) > 0;
}

/* Each process finds it anew for each change that it makes, as it does for sealing: what was rolled back signs nothing. */
bool
keyring_find_audit_key(int64 version, AuditKey *key)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "secrets audit key", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(scratch);
	MasterRow	row;
	bool		found = find_audit_row(version, &row);

	if (found)
	{
		key->version = row.version;
		memcpy(key->id, row.id, BOX_ID_LEN);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
	return found;
}

bool
keyring_mac(const AuditKey *audit_key, const void *data, Size len, uint8_t mac[32])
{
	ReadyKey   *key;

	if (!keyring_is_open())
		return false;
	if ((key = find_ready(audit_key->id)) == NULL && (key = try_get_key(audit_key->id)) == NULL)
		return false;
	if (!mac_compute(key->mac, data, len, mac))
		refuse_crypto();
	return true;
}

/* ---- the keys themselves ---- */

bool
keyring_sealing_key(uint8_t id[BOX_ID_LEN], int64 *version)
{
	MasterRow	row;

	if (!master_find_newest(&row))
		return false;
	memcpy(id, row.id, BOX_ID_LEN);
	*version = row.version;
	return true;
}

int64
keyring_rotate(const GatePass *pass)
{
	RootKey    *root = (RootKey *) buffer_data(buffer_alloc(sizeof(RootKey)));
	uint8_t    *old = (uint8_t *) buffer_data(buffer_alloc(CRYPTO_KEY_LEN));
	uint64		generation;
	MasterRow	newest;
	MasterRow	row;
	int64		version = 1;

	Assert(pass->granted);
	rootkey_require(root, &generation);
	master_lock();
	if (master_find_newest(&newest))
	{
		if (!master_unwrap(root, &newest, old))
			refuse_wrong_root(root, &newest);
		version = newest.version + 1;
	}
	if (version > PG_UINT32_MAX)
		REFUSE(ERRCODE_PROGRAM_LIMIT_EXCEEDED, errmsg("too many master keys"));
	master_create(root, version, &row);
	return version;
}

void
keyring_seal(const GatePass *pass)
{
	Assert(pass->granted);
	if (page_state() == PAGE_ABSENT)
		keyring_require_open();
	page_seal();
	drop_old_generation();
}

bool
keyring_unseal(const GatePass *pass, char **why)
{
	bool		ok;

	Assert(pass->granted);
	if (page_state() == PAGE_ABSENT)
		keyring_require_open();
	*why = palloc0(SOURCE_WHY_LEN);
	ok = page_unseal(root_key_setting, *why);
	drop_old_generation();
	CHECK_FOR_INTERRUPTS();
	return ok;
}

bool
keyring_is_preloaded(void)
{
	return page_state() != PAGE_ABSENT;
}

void
keyring_get_status(KeyringStatus *status)
{
	SecretBuffer *keys = buffer_alloc(sizeof(RootKey) + CRYPTO_KEY_LEN);
	RootKey    *root = (RootKey *) buffer_data(keys);
	uint64		generation;
	MasterRow	row;

	drop_old_generation();
	memset(status, 0, sizeof(*status));
	status->root_id = keyring_root_id();
	status->source = page_source();
	status->why = page_why();
	status->state = page_state() == PAGE_READY ? "ready" : "sealed";
	if (page_state() == PAGE_ABSENT)
	{
		status->state = "no_preload";
		status->why = pstrdup("secrets is not in shared_preload_libraries");
	}
	status->nmasters = master_find_newest(&row);
	if (status->nmasters == 0)
	{
		buffer_free(keys);
		return;
	}
	status->master_version = row.version;
	memcpy(status->master_id, row.id, BOX_ID_LEN);
	/* Its id may be there and its wrap not open: whether the key serves is tried, not read off. */
	if (page_get_root(root, &generation) && !master_unwrap(root, &row, (uint8_t *) (root + 1)))
	{
		status->state = "sealed";
		status->why = psprintf("wrong root key: %s", describe_wrong_root(root->id, &row));
	}
	buffer_free(keys);
}
