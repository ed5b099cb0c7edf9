/*
 * operate/rekey.c: every value under the newest master key.
 *
 * Which values are left is asked of the values themselves, whose headers name
 * their keys: there is no state to lose.  Rows that somebody has locked are
 * passed over and come up again in the next round; only when a round gets
 * nowhere does it wait for them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "audit/audit.h"
#include "base/catalog.h"
#include "base/refuse.h"
#include "gate/gate.h"
#include "keyring/keyring.h"
#include "kv/value.h"
#include "operate/operate.h"
#include "store/store.h"

#define MAX_BATCH 100000

typedef struct Progress
{
	uint8_t		key_id[BOX_ID_LEN];
	int64		key_version;
	int			batch;
	ValueKey	at;				/* where this round has got to */
	int64		total;			/* how many there were to do */
	int64		done;
	int64		done_in_round;
	int64		skipped;		/* in this round: somebody has them, or they are gone */
	bool		overtaken;		/* in this round: there is a newer key by now */
} Progress;

/*
 * Each batch reads what is committed by now, whatever isolation the session
 * asks for: to be said before the transaction takes its first snapshot.
 */
static void
next_transaction(void)
{
	SPI_commit();
	XactIsoLevel = XACT_READ_COMMITTED;
}

/* Another session may make the next key meanwhile; then that is where values go. */
static bool
choose_key(Progress *progress)
{
	int64		before = progress->key_version;

	if (!keyring_sealing_key(progress->key_id, &progress->key_version))
		return false;
	progress->overtaken |= before != 0 && before != progress->key_version;
	return true;
}

/* An operator needs no right to know names. */
static char *
name_or_id(const Secret *secret)
{
	if (gate_allows(PRIV_LIST, secret->name, NULL))
		return psprintf("\"%s\"", secret->name);
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&secret->id)));
}

/* One value, if it can be locked.  A value that does not verify stays, and is told of. */
static void
rekey_one(const GatePass *pass, const ValueKey *key, bool wait, Progress *progress)
{
	Secret		secret;
	Version		version;
	Plain		plain;

	if (!store_lock_value(key, progress->key_id, wait, &secret, &version))
	{
		/* Who has waited and got nothing knows that there is nothing: it is gone, or has no secret. */
		if (!wait)
			progress->skipped++;
		return;
	}
	if (!value_try_open(pass, &secret, &version, &plain))
	{
		ereport(WARNING,
				(errmsg("version " INT64_FORMAT " of secret %s does not verify and was left as it is",
						version.version, name_or_id(&secret))));
		return;
	}
	version.value = value_seal(pass, &secret, version.version, &plain);
	buffer_free(plain.bytes);
	store_update_version(&secret, &version);
	progress->done++;
	progress->done_in_round++;
}

/* One line for all of them: the values are the same as before. */
static void
record_batch(const GatePass *pass, int64 done, int64 key_version)
{
	AuditRecord record = {.action = ACTION_CONFIG,.outcome = OUTCOME_ALLOWED,.role = pass->role,.version = key_version};

	if (done == 0)
		return;
	record.detail = psprintf("{\"rekeyed\": " INT64_FORMAT "}", done);
	audit_record_change(&record);
}

/* One transaction's work; false: this round has come to its end. */
static bool
rekey_batch(const GatePass *pass, bool wait, Progress *progress)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "secrets rekey", ALLOCSET_DEFAULT_SIZES);
	MemoryContext each = AllocSetContextCreate(scratch, "secrets rekey, one value", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(scratch);
	/* Whoever waits holds nothing else while it does: so nobody can be waiting for it. */
	int			batch = wait ? 1 : progress->batch;
	ValueKey   *keys = palloc(sizeof(ValueKey) * (Size) batch);
	Snapshot	snapshot = catalog_snapshot();
	int64		done_before = progress->done;
	int			n = !choose_key(progress) ? 0 : store_find_other_keys(progress->key_id, snapshot, &progress->at, keys, batch);

	UnregisterSnapshot(snapshot);
	MemoryContextSwitchTo(each);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		rekey_one(pass, &keys[i], wait, progress);
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
	record_batch(pass, progress->done - done_before, progress->key_version);
	return n == batch;
}

/* The whole table once, from the beginning. */
static void
rekey_round(const GatePass *pass, bool wait, Progress *progress)
{
	bool		more = true;

	memset(&progress->at, 0, sizeof(progress->at));
	progress->done_in_round = progress->skipped = 0;
	progress->overtaken = false;
	while (more)
	{
		more = rekey_batch(pass, wait, progress);
		next_transaction();
		if (progress->done_in_round > 0 && more)
			ereport(NOTICE, (errmsg("rekeyed " INT64_FORMAT " of " INT64_FORMAT " values",
									progress->done, progress->total)));
	}
}

void
operate_rekey(int batch)
{
	GatePass	pass = gate_require(PRIV_OPERATE, NULL);
	Progress	progress = {.batch = batch};
	bool		wait = false;

	if (batch < 1 || batch > MAX_BATCH)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("batch must be between 1 and %d", MAX_BATCH));
	gate_begin_change();
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	next_transaction();
	if (choose_key(&progress))
	{
		progress.total = store_count_other_keys(progress.key_id);
		do
		{
			rekey_round(&pass, wait, &progress);
			wait = progress.done_in_round == 0;
		} while (progress.skipped > 0 || progress.overtaken);
	}
	SPI_finish();
	ereport(NOTICE, (errmsg("rekeyed " INT64_FORMAT " values; every value that verifies is under master key version "
							INT64_FORMAT, progress.done, progress.key_version)));
}
